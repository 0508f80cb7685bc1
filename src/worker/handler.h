// Handlers, as the SDK shows them, for the rooms of src/.
#pragma once

#include "treadle/handler.h"
