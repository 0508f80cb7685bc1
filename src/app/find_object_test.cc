#include <gmock/gmock.h>

#include <cstdio>
#include <stdexcept>

#include "app/portable/find_object.h"

namespace treadle::app {
namespace {

TEST(FindObject, FindsWhatGlibcFinds) {
  const int on_stack = 0;
  static int in_bss;
  void* const addresses[] = {reinterpret_cast<void*>(&FindObject), &in_bss, stdout,
                             reinterpret_cast<void*>(&std::fopen),
                             reinterpret_cast<void*>(&std::set_terminate)};
  for (void* const address : addresses) {
    dl_find_object ours{}, theirs{};
    ASSERT_EQ(_dl_find_object(address, &theirs), 0);
    ASSERT_EQ(FindObject(address, &ours), 0);
    EXPECT_EQ(ours.dlfo_eh_frame, theirs.dlfo_eh_frame);
    EXPECT_LE(ours.dlfo_map_start, address);
    EXPECT_GT(ours.dlfo_map_end, address);
  }
  dl_find_object none{};
  EXPECT_EQ(FindObject(&on_stack, &none), -1) << "the stack belongs to no object";
  EXPECT_EQ(FindObject(nullptr, &none), -1);
}

}  // namespace
}  // namespace treadle::app
