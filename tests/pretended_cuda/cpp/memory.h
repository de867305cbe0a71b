// The pretended GPU's memory: the host's, counted and limited.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/StorageImpl.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace pretended {

const c10::Device DEVICE(c10::DeviceType::CUDA, 0);

inline std::atomic<int64_t> held{0}, most{0}, limit{int64_t(8) << 30};

constexpr int64_t GRANULE = 512;  // as torch's allocator rounds

inline int64_t rounded(size_t n) { return (int64_t(n) + GRANULE - 1) / GRANULE * GRANULE; }

// A piece of the GPU's memory: its own, or a storage of the CPU that is shown as the GPU's.
class Block {
public:
    explicit Block(size_t n, c10::intrusive_ptr<c10::StorageImpl> shown = {}) : n_(rounded(n)), shown_(shown) {
        if (held + n_ > limit) {
            const auto megabytes = [](int64_t bytes) { return std::to_string(bytes >> 20) + ".00 MiB"; };
            C10_THROW_ERROR(
                OutOfMemoryError,
                "CUDA out of memory. Tried to allocate " + megabytes(n_) + ". GPU 0 has a total capacity of "
                    + megabytes(limit) + " of which " + megabytes(limit - held) + " is free.");
        }
        const int64_t now = held += n_;
        int64_t before = most;
        while (now > before && !most.compare_exchange_weak(before, now)) {
        }
        if (n && !shown_) {
            memory_ = std::aligned_alloc(GRANULE, n_);
            std::memset(memory_, 0xa5, n_);  // what nobody wrote isn't zero
        }
    }
    ~Block() {
        std::free(memory_);
        held -= n_;
    }
    Block(const Block&) = delete;
    void* memory() const { return memory_; }
    static void drop(void* block) { delete static_cast<Block*>(block); }

private:
    void* memory_ = nullptr;
    int64_t n_;
    c10::intrusive_ptr<c10::StorageImpl> shown_;
};

struct DeviceMemory final : c10::Allocator {
    c10::DataPtr allocate(size_t n) override {
        auto* block = new Block(n);
        return {block->memory(), block, &Block::drop, DEVICE};
    }
    c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
    void copy_data(void* to, const void* from, size_t n) const override { std::memcpy(to, from, n); }
};
inline DeviceMemory device_memory;

// Page-locked memory of the host, from and to which copies don't wait.
struct PinnedMemory final : c10::Allocator {
    c10::DataPtr allocate(size_t n) override {
        void* memory = n ? std::aligned_alloc(GRANULE, rounded(n)) : nullptr;
        std::lock_guard<std::mutex> lock(mutex);
        if (memory) ends[memory] = static_cast<char*>(memory) + n;
        return {memory, memory, &drop, c10::Device(c10::DeviceType::CPU)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &drop; }
    void copy_data(void* to, const void* from, size_t n) const override { std::memcpy(to, from, n); }
    bool holds(const void* place) const {
        std::lock_guard<std::mutex> lock(mutex);
        auto after = ends.upper_bound(place);
        return after != ends.begin() && place < std::prev(after)->second;
    }
    static void drop(void* memory);
    mutable std::mutex mutex;
    std::map<const void*, const void*> ends;
};
inline PinnedMemory pinned_memory;

inline void PinnedMemory::drop(void* memory) {
    std::lock_guard<std::mutex> lock(pinned_memory.mutex);
    pinned_memory.ends.erase(memory);
    std::free(memory);
}

}  // namespace pretended
