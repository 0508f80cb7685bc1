# The program for Linux systems other than Debian 12: `treadle_portable`, linked from the objects of `treadle`. It needs glibc and
# nothing else. `./dev release` puts it into the plain archive, the Python wheel and the npm package.
#
# Rooms name their outside libraries once (cmake/rooms.cmake). A target with the property TREADLE_PORTABLE gets the archive of each.
# scripts/archives.sh makes those that Debian does not have.

set(archives ${PROJECT_SOURCE_DIR}/build/archives/${CMAKE_LIBRARY_ARCHITECTURE})
find_library(SSL_ARCHIVE libssl.a REQUIRED)
find_library(CRYPTO_ARCHIVE libcrypto.a REQUIRED)
set(TREADLE_SHARED fmt::fmt simdjson::simdjson prometheus-cpp-core OpenSSL::SSL OpenSSL::Crypto)
set(TREADLE_ARCHIVES ${archives}/libfmt.a ${archives}/libsimdjson.a ${archives}/libprometheus-cpp-core.a ${SSL_ARCHIVE}
  ${CRYPTO_ARCHIVE})

# treadle_portable_links(LIBRARIES): in this list of libraries, each shared one becomes the choice between it and its archive.
function(treadle_portable_links libraries)
  set(result ${${libraries}})
  foreach(shared archive IN ZIP_LISTS TREADLE_SHARED TREADLE_ARCHIVES)
    list(TRANSFORM result REPLACE "^${shared}$" "$<IF:$<BOOL:$<TARGET_PROPERTY:TREADLE_PORTABLE>>,${archive},${shared}>")
  endforeach()
  set(${libraries} ${result} PARENT_SCOPE)
endfunction()

# The same for what an outside library asks for by itself.
function(treadle_portable_library name)
  get_target_property(links ${name} INTERFACE_LINK_LIBRARIES)
  treadle_portable_links(links)
  set_target_properties(${name} PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
endfunction()

# Declared after the rooms.
function(treadle_portable_program)
  get_target_property(links treadle LINK_LIBRARIES)
  add_executable(treadle_portable EXCLUDE_FROM_ALL $<TARGET_OBJECTS:treadle> src/app/portable/old_glibc.cc)
  target_include_directories(treadle_portable PRIVATE src)
  target_link_libraries(treadle_portable PRIVATE treadle_flags ${links} ${CMAKE_DL_LIBS})
  target_link_options(treadle_portable PRIVATE -static-libstdc++ -static-libgcc)
  set_target_properties(treadle_portable PROPERTIES TREADLE_PORTABLE ON LINKER_LANGUAGE CXX
    OUTPUT_NAME treadle RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/portable)
endfunction()
