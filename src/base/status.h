// Status and Result<T>, as the SDK shows them (include/treadle/status.h), for the rooms of src/.
#pragma once

#include "base/check.h"
#include "treadle/status.h"
