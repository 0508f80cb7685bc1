// Which object of the process an address is in, and where that has its table for unwinding: what
// `_dl_find_object` of glibc 2.35 finds, by what every glibc has. Any thread may call it. It takes
// the dynamic linker's lock, so exceptions that many threads throw at once wait for one another;
// glibc's own does not.
#pragma once

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdint>

namespace treadle::app {

struct ObjectSearch {
  uintptr_t address;
  dl_find_object* found;
};

// What dl_iterate_phdr calls for each object; 1 ends its search.
inline int VisitObject(dl_phdr_info* object, size_t, void* data) {
  const ObjectSearch& search = *static_cast<ObjectSearch*>(data);
  uintptr_t begin = UINTPTR_MAX, end = 0, table = 0;
  bool inside = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const uintptr_t at = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_GNU_EH_FRAME) table = at;
    if (segment.p_type != PT_LOAD) continue;
    begin = std::min(begin, at);
    end = std::max(end, at + segment.p_memsz);
    inside = inside || (search.address >= at && search.address < at + segment.p_memsz);
  }
  if (!inside) return 0;
  *search.found = {};
  search.found->dlfo_map_start = reinterpret_cast<void*>(begin);
  search.found->dlfo_map_end = reinterpret_cast<void*>(end);
  search.found->dlfo_eh_frame = reinterpret_cast<void*>(table);
  return 1;
}

// Fills `found` and returns 0, or returns -1 when no object has the address. Leaves dlfo_link_map
// null.
inline int FindObject(const void* address, dl_find_object* found) {
  ObjectSearch search{reinterpret_cast<uintptr_t>(address), found};
  return dl_iterate_phdr(VisitObject, &search) == 1 ? 0 : -1;
}

}  // namespace treadle::app
