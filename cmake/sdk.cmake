# The C++ SDK as others use it: `cmake --install build/release --component dev`, then
#
#   find_package(treadle REQUIRED)
#   target_link_libraries(mine PRIVATE treadle::treadle)
#
# One archive of the rooms behind include/treadle, so that a user needs only one name.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(treadle_sdk STATIC)
set_target_properties(treadle_sdk PROPERTIES OUTPUT_NAME treadle EXPORT_NAME treadle LINKER_LANGUAGE CXX)
foreach(room base json client worker)
  target_sources(treadle_sdk PRIVATE $<TARGET_OBJECTS:treadle_${room}>)
endforeach()
target_compile_features(treadle_sdk PUBLIC cxx_std_20)
target_include_directories(treadle_sdk INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(treadle_sdk INTERFACE
  nlohmann_json::nlohmann_json OpenSSL::SSL OpenSSL::Crypto simdjson::simdjson Threads::Threads)

set(TREADLE_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/treadle)
install(TARGETS treadle_sdk EXPORT treadle-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(DIRECTORY include/treadle DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(EXPORT treadle-targets NAMESPACE treadle:: DESTINATION ${TREADLE_CMAKE_DIR} COMPONENT dev)
configure_package_config_file(cmake/treadle-config.cmake.in ${PROJECT_BINARY_DIR}/treadle-config.cmake
  INSTALL_DESTINATION ${TREADLE_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/treadle-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/treadle-config.cmake ${PROJECT_BINARY_DIR}/treadle-config-version.cmake
  DESTINATION ${TREADLE_CMAKE_DIR} COMPONENT dev)
