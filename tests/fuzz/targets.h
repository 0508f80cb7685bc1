// The names of all fuzz targets: of their files, functions and folders of inputs.
// tests/fuzz/CMakeLists.txt says what each is linked with.
#pragma once

#define TREADLE_FUZZ_TARGETS(each)                                                              \
  each(answers) each(bodies) each(configuration) each(effects) each(http_request) each(journal) \
      each(json) each(schema) each(search) each(server) each(store) each(texts)
