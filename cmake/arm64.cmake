# Builds for arm64 on another Debian, with its cross compiler and the libraries of its architecture arm64 (scripts/cross.sh). Tests
# and the program's own pages run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
