// The names of all fuzz targets, which are also the names of their files, functions and input
// folders. tests/fuzz/CMakeLists.txt lists what each one links.
#pragma once

#define TREADLE_FUZZ_TARGETS(each)                                                              \
  each(answers) each(bodies) each(configuration) each(effects) each(http_request) each(journal) \
      each(json) each(schema) each(search) each(server) each(store) each(texts)
