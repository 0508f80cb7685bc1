// SlabTable: records found by key, for tables that grow to tens of millions without ever stalling.
//
// Records live in pages and never move. The index is a linear hash table (Litwin, "Linear Hashing",
// 1980): it grows by one bucket with each insert, so there is no table-wide rehash (a flat map of
// 10 million entries stalled for seconds in one), and its chains run through the records
// themselves. Cost per record: its size, four bytes of bucket, and free slots of the last page. Not
// thread safe.
//
// `Record` has members `hash_next` (uint32_t, the table's own) and `uint64_t hash() const`, well
// mixed and constant while the record is in the table; `Matches(key)` is whether it is the one
// asked for.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"

namespace treadle {

inline constexpr uint32_t kNoSlot = UINT32_MAX;

template <class Record>
class SlabTable {
 public:
  size_t size() const { return size_; }
  /// Slots handed out so far, free ones included: for walks over all records. A free slot holds a
  /// Record{}.
  uint32_t slots() const { return used_; }
  Record& operator[](uint32_t slot) { return (*pages_[slot / kPage])[slot % kPage]; }
  const Record& operator[](uint32_t slot) const { return (*pages_[slot / kPage])[slot % kPage]; }

  /// The slot of the record with this hash for which Matches(key) holds, or kNoSlot.
  template <class Key>
  uint32_t Find(uint64_t hash, const Key& key) const {
    if (buckets_ == 0) return kNoSlot;
    uint32_t slot = Head(BucketOf(hash));
    while (slot != kNoSlot && !(*this)[slot].Matches(key)) slot = (*this)[slot].hash_next;
    return slot;
  }

  /// Adds a record, which must not be there yet, and returns its slot: valid until Erase().
  uint32_t Insert(Record record) {
    TREADLE_CHECK(size_ < kNoSlot - 1);
    Grow();
    const uint32_t slot = TakeSlot();
    Record& place = (*this)[slot];
    place = std::move(record);
    Link(slot);
    ++size_;
    return slot;
  }

  void Erase(uint32_t slot) {
    Record& record = (*this)[slot];
    uint32_t* link = &Head(BucketOf(record.hash()));
    while (*link != slot) {
      TREADLE_CHECK(*link != kNoSlot);  // its hash has not changed since it came
      link = &(*this)[*link].hash_next;
    }
    *link = record.hash_next;
    record = Record{};
    record.hash_next = free_;
    free_ = slot;
    --size_;
  }

 private:
  static constexpr size_t kPage = 1024;
  static constexpr size_t kHeadPage = 4096;
  // Not Record[]: the count that goes before one would cost an allocator's size class.
  using Page = std::array<Record, kPage>;

  uint32_t& Head(size_t bucket) { return heads_[bucket / kHeadPage][bucket % kHeadPage]; }
  uint32_t Head(size_t bucket) const { return heads_[bucket / kHeadPage][bucket % kHeadPage]; }

  // With 2ᵏ ≤ buckets_ < 2ᵏ⁺¹, buckets below (buckets_ - 2ᵏ) are split already and use one more bit
  // of the hash.
  size_t BucketOf(uint64_t hash) const {
    const size_t whole = std::bit_floor(buckets_);
    const size_t wide = hash & (2 * whole - 1);
    return wide < buckets_ ? wide : wide & (whole - 1);
  }

  void Link(uint32_t slot) {
    uint32_t& head = Head(BucketOf((*this)[slot].hash()));
    (*this)[slot].hash_next = head;
    head = slot;
  }

  // Keeps at least as many buckets as records, by splitting one bucket.
  void Grow() {
    if (size_ < buckets_) return;
    if (buckets_ % kHeadPage == 0) {
      heads_.push_back(std::make_unique_for_overwrite<uint32_t[]>(kHeadPage));
      std::fill_n(heads_.back().get(), kHeadPage, kNoSlot);
    }
    const size_t split = buckets_ == 0 ? 0 : buckets_ - std::bit_floor(buckets_);
    ++buckets_;
    if (buckets_ == 1) return;
    uint32_t slot = Head(split);
    Head(split) = kNoSlot;
    while (slot != kNoSlot) {
      const uint32_t next = (*this)[slot].hash_next;
      Link(slot);
      slot = next;
    }
  }

  uint32_t TakeSlot() {
    if (free_ != kNoSlot) {
      TREADLE_CHECK(free_ < used_);
      const uint32_t slot = free_;
      free_ = (*this)[slot].hash_next;
      return slot;
    }
    if (used_ % kPage == 0) pages_.push_back(std::make_unique_for_overwrite<Page>());
    return used_++;
  }

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<std::unique_ptr<uint32_t[]>> heads_;
  size_t buckets_ = 0;
  size_t size_ = 0;
  uint32_t used_ = 0;
  uint32_t free_ = kNoSlot;
};

}  // namespace treadle
