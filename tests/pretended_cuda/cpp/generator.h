// A generator of random numbers whose state is a seed and an offset, as that of CUDA's.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <c10/core/GeneratorImpl.h>

#include "memory.h"

namespace pretended {

class Generator final : public c10::GeneratorImpl {
public:
    Generator() : c10::GeneratorImpl(DEVICE, c10::DispatchKeySet(c10::DispatchKey::CUDA)) {}
    void set_current_seed(uint64_t seed) override { seed_ = seed, offset_ = 0; }
    void set_offset(uint64_t offset) override { offset_ = offset; }
    uint64_t get_offset() const override { return offset_; }
    uint64_t current_seed() const override { return seed_; }
    uint64_t seed() override {
        set_current_seed(c10::detail::getNonDeterministicRandom());
        return seed_;
    }
    void set_state(const c10::TensorImpl& state) override {
        TORCH_CHECK(
            state.device().type() == at::kCPU && state.dtype() == at::kByte, "RNG state must be a torch.ByteTensor");
        TORCH_CHECK(state.numel() == 16, "RNG state is wrong size");
        const auto* bytes = static_cast<const uint8_t*>(state.data());
        std::memcpy(&seed_, bytes, 8), std::memcpy(&offset_, bytes + 8, 8);
    }
    c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
        auto state = at::empty({16}, at::TensorOptions().dtype(at::kByte));
        auto* bytes = static_cast<uint8_t*>(state.data_ptr());
        std::memcpy(bytes, &seed_, 8), std::memcpy(bytes + 8, &offset_, 8);
        return state.getIntrusivePtr();
    }
    Generator* clone_impl() const override {
        auto* copy = new Generator;
        copy->seed_ = seed_, copy->offset_ = offset_;
        return copy;
    }
    // A generator of the CPU for one operation.
    at::Generator next() {
        auto made = at::make_generator<at::CPUGeneratorImpl>(mixed(seed_ ^ mixed(offset_)));
        offset_ += 4;
        return made;
    }

private:
    static uint64_t mixed(uint64_t x) {  // splitmix64
        x += 0x9e3779b97f4a7c15ull;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
        return x ^ (x >> 31);
    }
    uint64_t seed_ = c10::default_rng_seed_val, offset_ = 0;
};

inline at::Generator& default_generator() {
    static at::Generator generator = at::make_generator<Generator>();
    return generator;
}

inline at::Generator next_of(const at::Generator& generator) {
    return static_cast<Generator*>(generator.unsafeGetGeneratorImpl())->next();
}

}  // namespace pretended
