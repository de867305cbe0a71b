// A pretended CUDA device for a CPU build of torch: its tensors say that they are on cuda:0, and are in the host's
// memory.
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include "operations.h"

namespace pretended {

const c10::Stream DEFAULT_STREAM(c10::Stream::DEFAULT, DEVICE);
thread_local c10::Stream stream = DEFAULT_STREAM;

struct Guard final : c10::impl::DeviceGuardImplInterface {
    c10::DeviceType type() const override { return c10::DeviceType::CUDA; }
    c10::Device exchangeDevice(c10::Device) const override { return DEVICE; }
    c10::Device getDevice() const override { return DEVICE; }
    void setDevice(c10::Device) const override {}
    void uncheckedSetDevice(c10::Device) const noexcept override {}
    c10::Stream getStream(c10::Device) const override { return stream; }
    c10::Stream getDefaultStream(c10::Device) const override { return DEFAULT_STREAM; }
    c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override { return DEFAULT_STREAM; }
    c10::Stream getNewStream(c10::Device, int) const override { return DEFAULT_STREAM; }
    c10::Stream exchangeStream(c10::Stream next) const override { return std::exchange(stream, next); }
    void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
    void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
    void block(void*, const c10::Stream&) const override {}
    bool queryEvent(void*) const override { return true; }
    c10::DeviceIndex deviceCount() const noexcept override { return 1; }
    bool queryStream(const c10::Stream&) const override { return true; }
    void synchronizeStream(const c10::Stream&) const override {}
    void synchronizeEvent(void*) const override {}
    void synchronizeDevice(const c10::DeviceIndex) const override {}
    void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream&) const override {}
    double elapsedTime(void*, void*, const c10::DeviceIndex) const override { return 0.0; }
};

// ---- operations with kernels of their own: views, which share storage, and copies

Tensor empty(
    c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>, std::optional<at::Device>,
    std::optional<bool> pinned, std::optional<at::MemoryFormat> format) {
    TORCH_CHECK(!pinned.value_or(false), "Only dense CPU tensors can be pinned");
    return at::detail::empty_generic(
        C10_AS_INTARRAYREF_SLOW(size), &device_memory, c10::DispatchKeySet(c10::DispatchKey::CUDA),
        at::dtype_or_default(dtype), format);
}

Tensor empty_strided(
    c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<at::ScalarType> dtype,
    std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
    return at::detail::empty_strided_generic(
        C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), &device_memory,
        c10::DispatchKeySet(c10::DispatchKey::CUDA), at::dtype_or_default(dtype));
}

Tensor as_strided(
    const Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<c10::SymInt> offset) {
    return at::native::as_strided_tensorimpl(
        self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride),
        offset ? std::optional<int64_t>(offset->expect_int()) : std::nullopt);
}

Tensor view(const Tensor& self, c10::SymIntArrayRef size) {
    return at::native::view(self, C10_AS_INTARRAYREF_SLOW(size));
}

Tensor reshape_alias(const Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
    return at::native::_reshape_alias(self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride));
}

const Tensor& resize_(const Tensor& self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat>) {
    const auto sizes = C10_AS_INTARRAYREF_SLOW(size);
    const size_t n = self.dtype().itemsize() * (self.storage_offset() + c10::multiply_integers(sizes));
    if (n > self.storage().nbytes()) {
        auto grown = device_memory.allocate(n);
        if (self.storage().nbytes()) std::memcpy(grown.get(), self.storage().data(), self.storage().nbytes());
        auto* storage = self.storage().unsafeGetStorageImpl();
        storage->set_data_ptr_noswap(std::move(grown));
        storage->set_nbytes(n);
    }
    self.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
    return self;
}

Tensor& set_storage(
    Tensor& self, at::Storage source, c10::SymInt offset, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
    auto* impl = self.unsafeGetTensorImpl();
    impl->set_storage_keep_dtype(source);
    const auto sizes = C10_AS_INTARRAYREF_SLOW(size), strides = C10_AS_INTARRAYREF_SLOW(stride);
    if (strides.empty() && !sizes.empty()) {
        impl->set_storage_offset(offset.expect_int());
        impl->set_sizes_contiguous(sizes);
    } else {
        impl->set_sizes_and_strides(sizes, strides, offset.expect_int());
    }
    return self;
}

Tensor& set_tensor(Tensor& self, const Tensor& source) {
    auto* impl = self.unsafeGetTensorImpl();
    impl->set_storage_keep_dtype(source.storage());
    impl->set_sizes_and_strides(source.sizes(), source.strides(), source.storage_offset());
    return self;
}

Tensor& copy_(Tensor& self, const Tensor& from, bool non_blocking) {
    if (self.device() != from.device() && self.numel()) {
        const Tensor& on_host = from.device().is_cpu() ? from : self;
        if (!non_blocking || !pinned_memory.holds(on_host.storage().data()))
            wait(from.device().is_cpu() ? "a copy from the host" : "a copy to the host");
    }
    as_cpu(self).copy_(as_cpu(from));
    return self;
}

void record_stream(Tensor&, at::Stream) {}

}  // namespace pretended

namespace at {

struct PretendedHooks : CUDAHooksInterface {
    explicit PretendedHooks(CUDAHooksArgs) {}
    void init() const override {}
    const Generator& getDefaultGenerator(DeviceIndex) const override { return pretended::default_generator(); }
    Generator getNewGenerator(DeviceIndex) const override { return make_generator<pretended::Generator>(); }
    Device getDeviceFromPtr(void*) const override { return pretended::DEVICE; }
    bool isPinnedPtr(const void* data) const override { return pretended::pinned_memory.holds(data); }
    bool hasCUDA() const override { return true; }
    bool hasPrimaryContext(DeviceIndex) const override { return true; }
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    DeviceIndex deviceCount() const override { return 1; }
    DeviceIndex current_device() const override { return 0; }
    DeviceIndex getCurrentDevice() const override { return 0; }
    void setCurrentDevice(DeviceIndex) const override {}
    DeviceIndex exchangeDevice(DeviceIndex) const override { return 0; }
    DeviceIndex maybeExchangeDevice(DeviceIndex) const override { return 0; }
    Allocator* getPinnedMemoryAllocator() const override { return &pretended::pinned_memory; }
    Allocator* getCUDADeviceAllocator() const override { return &pretended::device_memory; }
};
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, PretendedHooks)

}  // namespace at

namespace pretended {

C10_REGISTER_GUARD_IMPL(CUDA, Guard)

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&any_operation>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
    library.impl("empty.memory_format", &empty);
    library.impl("empty_strided", &empty_strided);
    library.impl("as_strided", &as_strided);
    library.impl("view", &view);
    library.impl("_reshape_alias", &reshape_alias);
    library.impl("resize_", &resize_);
    library.impl("set_.source_Storage_storage_offset", &set_storage);
    library.impl("set_.source_Tensor", &set_tensor);
    library.impl("unfold", &at::native::unfold);
    library.impl("copy_", &copy_);
    library.impl("record_stream", &record_stream);
}

TORCH_LIBRARY(pretended, library) { library.def("as_cpu(Tensor x) -> Tensor"); }
TORCH_LIBRARY_IMPL(pretended, CUDA, library) { library.impl("as_cpu", &as_cpu); }
TORCH_LIBRARY_IMPL(pretended, CPU, library) { library.impl("as_cpu", &as_cpu); }

const bool registered = (c10::SetAllocator(c10::DeviceType::CUDA, &device_memory, 100), true);

}  // namespace pretended

extern "C" {

int64_t bytes_held() { return pretended::held; }
int64_t most_bytes_held() { return pretended::most; }
void forget_most() { pretended::most = pretended::held.load(); }
int64_t memory_limit() { return pretended::limit; }
void set_memory_limit(int64_t n) { pretended::limit = n; }
void on_wait(pretended::Told told) { pretended::on_wait = told; }
void need_same_device(const char* name) { pretended::same_device.insert(name); }

}  // extern "C"
