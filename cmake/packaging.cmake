# The Debian packages: `treadle` (the program, its unit and its user) and `treadle-dev` (the C++ SDK). `./dev package`
# makes them with CPack from the installed components `server` and `dev`.

include(GNUInstallDirs)

install(TARGETS treadle RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
install(FILES deploy/systemd/treadle.service DESTINATION lib/systemd/system COMPONENT server)
install(FILES deploy/debian/treadle.toml DESTINATION /etc/treadle COMPONENT server)
# Man pages and completions, written by the program itself.
set(pages ${PROJECT_BINARY_DIR}/pages)
add_custom_command(OUTPUT ${pages}/done DEPENDS treadle VERBATIM
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}/man ${pages}/completions
  COMMAND treadle docs man ${pages}/man
  COMMAND sh -c "gzip -9n ${pages}/man/*.1"
  COMMAND sh -c "for shell in bash zsh fish; do $<TARGET_FILE:treadle> completion $shell > ${pages}/completions/$shell || exit 1; done"
  COMMAND ${CMAKE_COMMAND} -E touch ${pages}/done)
add_custom_target(treadle_pages DEPENDS ${pages}/done)
install(DIRECTORY ${pages}/man/ DESTINATION share/man/man1 COMPONENT server)
install(FILES ${pages}/completions/bash DESTINATION share/bash-completion/completions RENAME treadle COMPONENT server)
install(FILES ${pages}/completions/zsh DESTINATION share/zsh/vendor-completions RENAME _treadle COMPONENT server)
install(FILES ${pages}/completions/fish DESTINATION share/fish/vendor_completions.d RENAME treadle.fish COMPONENT server)
install(FILES deploy/debian/copyright CHANGELOG.md DESTINATION share/doc/treadle COMPONENT server)
install(FILES deploy/debian/copyright DESTINATION share/doc/treadle-dev COMPONENT dev)

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # ./dev package builds what is needed, not the tests
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME treadle)
set(CPACK_PACKAGE_VENDOR Treadle)
set(CPACK_PACKAGE_CONTACT "Treadle's developers <treadle@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/../package)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL server dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME treadle)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.52)")
set(CPACK_COMPONENT_SERVER_DESCRIPTION
  "durable task queue and worker in one program\n Treadle keeps tasks on disk, hands them to workers in any language over HTTP,\n retries\
 what fails, and loses nothing that it has acknowledged.")
set(debian ${PROJECT_SOURCE_DIR}/deploy/debian)
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
  ${debian}/postinst ${debian}/prerm ${debian}/postrm ${debian}/conffiles)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME treadle-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "nlohmann-json3-dev, libsimdjson-dev, libssl-dev")
set(CPACK_COMPONENT_DEV_DESCRIPTION
  "C++ SDK of the durable task queue Treadle\n Headers, library and CMake package for writing workers and producers in C++20.")

include(CPack)
