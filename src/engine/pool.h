// Pool: records that only some of many owners need, handed out one by one.
//
// Records live in pages and never move, so a plain pointer is their name. What is given back is
// handed out again; pages stay. Cost per record: its size. Not thread safe.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace treadle {

template <class Record>
class Pool {
 public:
  /// Those that are out.
  size_t size() const { return size_; }

  /// A Record{}; valid until Give(), and not beyond the pool.
  Record* Take() {
    if (free_ == nullptr) AddPage();
    Place* const place = std::exchange(free_, free_->next);
    ++size_;
    return std::construct_at(&place->record);
  }

  void Give(Record* record) {
    free_ = std::construct_at(reinterpret_cast<Place*>(record), free_);
    --size_;
  }

 private:
  static constexpr size_t kPage = 256;

  static_assert(std::is_trivially_destructible_v<Record>);
  union Place {
    explicit Place(Place* next_free = nullptr) : next(next_free) {}
    Place* next;  // while it is free
    Record record;
  };
  using Page = std::array<Place, kPage>;

  [[gnu::noinline]] void AddPage() {
    pages_.push_back(std::make_unique_for_overwrite<Page>());
    for (Place& place : *pages_.back()) free_ = std::construct_at(&place, free_);
  }

  std::vector<std::unique_ptr<Page>> pages_;
  Place* free_ = nullptr;
  size_t size_ = 0;
};

}  // namespace treadle
