// Any operation on tensors of the pretended GPU: checked as a CUDA build checks it, then run by the CPU's kernel.
#pragma once

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "generator.h"

namespace pretended {

using at::Tensor;

// ---- tensors of the CPU for those of the GPU, and the other way round

inline Tensor over(c10::Storage storage, c10::DispatchKey key, const Tensor& like) {
    auto t = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), like.dtype());
    t.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
    return t;
}

inline void drop_storage(void* storage) { delete static_cast<c10::Storage*>(storage); }

// The same memory as a tensor of the CPU.
inline Tensor as_cpu(const Tensor& t) {
    if (!t.defined() || t.device().type() != at::kCUDA) return t;
    auto* whole = new c10::Storage(t.storage());
    c10::DataPtr data(whole->mutable_data(), whole, &drop_storage, c10::Device(at::kCPU));
    c10::Storage storage(c10::Storage::use_byte_size_t{}, whole->nbytes(), std::move(data), nullptr, false);
    auto result = over(std::move(storage), c10::DispatchKey::CPU, t);
    if (t.unsafeGetTensorImpl()->is_wrapped_number()) result.unsafeGetTensorImpl()->set_wrapped_number(true);
    return result;
}

inline c10::Storage shown_on_gpu(const c10::Storage& cpu) {
    auto kept = c10::intrusive_ptr<c10::StorageImpl>::reclaim_copy(cpu.unsafeGetStorageImpl());
    auto* block = new Block(cpu.nbytes(), std::move(kept));
    c10::DataPtr data(const_cast<void*>(cpu.data()), block, &Block::drop, DEVICE);
    return c10::Storage(c10::Storage::use_byte_size_t{}, cpu.nbytes(), std::move(data), &device_memory, true);
}

// The same memory as a tensor of the GPU, which then counts as the GPU's.
inline Tensor as_cuda(const Tensor& t) {
    if (!t.defined() || t.device().type() == at::kCUDA) return t;
    return over(shown_on_gpu(t.storage()), c10::DispatchKey::CUDA, t);
}

// ---- what the host waits for

using Told = void (*)(const char*);
inline std::atomic<Told> on_wait{nullptr};

inline void wait(const char* why) {
    if (Told told = on_wait) told(why);
}

// Operations whose results' sizes, or values, the host needs.
inline const std::set<std::string> WAITS = {
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::masked_select",
    "aten::masked_select.out",
    "aten::_unique",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::unique_consecutive",
    "aten::equal",
    "aten::is_set_to",
    "aten::bincount",
    "aten::repeat_interleave.Tensor",
};

// ---- the operation

inline std::set<std::string> same_device;  // operations whose tensors must all be on one device, 0-dim ones too

class Call {
public:
    Call(const c10::OperatorHandle& op, torch::jit::Stack& stack) : op_(op), stack_(stack) {
        const auto& name = op.operator_name();
        name_ = name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
        indexes_ = name_.find("aten::index") == 0 || name_.find("aten::_index_put") == 0
            || name_.find("aten::_unsafe_index") == 0;
    }

    void run() {
        take_arguments();
        check_devices();
        if (WAITS.count(name_) && !sized_) wait(name_.c_str());
        if (puts_ && masks_ && n_values_ != 1) wait("an index by a mask");
        op_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack_);
        keep_what_grew();
        give_results();
    }

private:
    void take_arguments() {
        puts_ = indexes_ && name_.find("put") != std::string::npos;  // others find the mask's places by nonzero
        const auto& formals = op_.schema().arguments();
        const size_t begin = stack_.size() - formals.size();
        for (size_t i = 0; i < formals.size(); ++i) {
            c10::IValue& value = stack_[begin + i];
            const auto* alias = formals[i].alias_info();
            const bool is_out = alias && alias->isWrite() && formals[i].kwarg_only();
            const bool may_be_cpu = indexes_ && formals[i].name() == "indices";
            if (formals[i].name() == "output_size") sized_ = !value.isNone();
            if (value.isTensor()) {
                if (formals[i].name() == "values") n_values_ = value.toTensor().numel();
                value = taken(value.toTensor(), false, is_out);
            } else if (value.isTensorList()) {
                std::vector<Tensor> list;
                for (const Tensor& t : value.toTensorVector()) list.push_back(taken(t, may_be_cpu, is_out));
                value = c10::List<Tensor>(list);
            } else if (value.isOptionalTensorList()) {
                c10::List<std::optional<Tensor>> list;
                for (std::optional<Tensor> t : value.toOptionalTensorList()) {
                    if (t && indexes_ && (t->scalar_type() == at::kBool || t->scalar_type() == at::kByte))
                        masks_ = true;
                    list.push_back(t ? std::optional<Tensor>(taken(*t, may_be_cpu, is_out)) : std::nullopt);
                }
                value = list;
            } else if (value.isGenerator()) {
                TORCH_CHECK(
                    value.toGenerator().device().type() == at::kCUDA, "Expected a 'cuda' device type for generator ",
                    "but found '", value.toGenerator().device().type(), "' (", name_, ")");
                value = next_of(value.toGenerator());
                draws_ = true;
            } else if (value.isDevice() && value.toDevice().type() == at::kCUDA) {
                value = c10::Device(at::kCPU);
                on_gpu_ = true;
            } else if (value.isNone() && formals[i].name() == "generator") {
                value = next_of(default_generator());
            }
        }
    }

    Tensor taken(const Tensor& t, bool may_be_cpu, bool is_out) {
        if (!t.defined()) return t;
        if (t.device().type() == at::kCUDA) {
            Tensor stands = is_out && t.numel() == 0 ? at::empty({0}, t.options().device(at::kCPU)) : as_cpu(t);
            swapped_.emplace_back(t, stands);
            on_gpu_ = true;
            return stands;
        }
        if (!may_be_cpu) strays_.push_back(t);
        return t;
    }

    void check_devices() {
        const bool exact = same_device.count(name_) > 0;
        for (const Tensor& t : strays_)
            TORCH_CHECK(
                swapped_.empty() || (t.dim() == 0 && !exact), "Expected all tensors to be on the same device, but ",
                "found at least two devices, cuda:0 and cpu! (", name_, ", a CPU tensor of sizes ", t.sizes(), ")");
        TORCH_CHECK(!draws_ || on_gpu_, "Expected a 'cpu' device type for generator but found 'cuda' (", name_, ")");
    }

    // What was written to and has other memory now.
    void keep_what_grew() {
        for (auto& [theirs, stands] : swapped_) {
            const bool empty = theirs.numel() == 0 && stands.numel() == 0;
            if (theirs.sizes() == stands.sizes() && (empty || theirs.data_ptr() == stands.data_ptr())) continue;
            auto* impl = theirs.unsafeGetTensorImpl();
            impl->set_storage_keep_dtype(shown_on_gpu(stands.storage()));
            impl->set_sizes_and_strides(stands.sizes(), stands.strides(), stands.storage_offset());
        }
    }

    void give_results() {
        const size_t n = op_.schema().returns().size();
        for (size_t i = stack_.size() - n; i < stack_.size(); ++i) {
            c10::IValue& value = stack_[i];
            if (value.isTensor()) {
                value = given(value.toTensor());
            } else if (value.isTensorList()) {
                std::vector<Tensor> list;
                for (const Tensor& t : value.toTensorVector()) list.push_back(given(t));
                value = c10::List<Tensor>(list);
            }
        }
    }

    Tensor given(const Tensor& t) {
        if (!t.defined() || t.device().type() == at::kCUDA) return t;
        for (auto& [theirs, stands] : swapped_)
            if (t.is_same(stands)) return theirs;
        const void* memory = t.storage().data();
        for (auto& [theirs, stands] : swapped_)
            if (memory && theirs.storage().data() == memory) return over(theirs.storage(), c10::DispatchKey::CUDA, t);
        return as_cuda(t);
    }

    const c10::OperatorHandle& op_;
    torch::jit::Stack& stack_;
    std::string name_;
    std::vector<std::pair<Tensor, Tensor>> swapped_;  // the caller's, and what stands for it
    std::vector<Tensor> strays_;                      // tensors of the CPU among its arguments
    int64_t n_values_ = 0;
    bool indexes_ = false, puts_ = false, masks_ = false, sized_ = false, draws_ = false, on_gpu_ = false;
};

inline void any_operation(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
    Call(op, *stack).run();
}

}  // namespace pretended
