#include "kernels/cuda/device.h"

#include <sys/mman.h>

#include <memory>
#include <string>
#include <utility>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_math.cuh"
#include "transformer/noise.h"

namespace kandinsky::cuda {
namespace {

cudaStream_t native(const Stream& stream) { return static_cast<cudaStream_t>(stream.get()); }

constexpr std::size_t large_page = std::size_t{2} << 20;

template <typename T>
__global__ void random_kernel(T* out, std::size_t blocks, std::size_t count, float scale, std::uint64_t seed) {
  for (std::size_t i = blockIdx.x * std::size_t(blockDim.x) + threadIdx.x; i < blocks;
       i += std::size_t(gridDim.x) * blockDim.x) {
    const noise::Block words = noise::words(seed, 0, std::uint32_t(i >> 32), std::uint32_t(i));
    for (int j = 0; j < 4 && i * 4 + j < count; ++j)
      out[i * 4 + j] = narrow<T>((float(words.word[j]) * 0x1p-31f - 1) * scale);
  }
}

}  // namespace

void use_device(int device) { check_cuda(cudaSetDevice(device), "device"); }

DeviceProperties device_properties(int device) {
  use_device(device);
  DeviceProperties properties;
  check_cuda(cudaDeviceGetAttribute(&properties.major, cudaDevAttrComputeCapabilityMajor, device), "device");
  check_cuda(cudaDeviceGetAttribute(&properties.minor, cudaDevAttrComputeCapabilityMinor, device), "device");
  check_cuda(cudaDeviceGetAttribute(&properties.multiprocessors, cudaDevAttrMultiProcessorCount, device), "device");
  check_cuda(cudaMemGetInfo(&properties.memory_free, &properties.memory_total), "device memory");
  return properties;
}

DeviceMemory::DeviceMemory(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* memory = nullptr;
  check_cuda(cudaMalloc(&memory, bytes), "device memory");
  memory_.reset(memory);
  check_cuda(cudaMemset(memory, 0, bytes), "device memory");
  check_cuda(cudaStreamSynchronize(nullptr), "device memory");  // other streams may use it at once
}

void DeviceMemory::Free::operator()(void* p) const noexcept { cudaFree(p); }

Stream::Stream() {
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  stream_ = stream;
}

Stream::~Stream() { cudaStreamDestroy(static_cast<cudaStream_t>(stream_)); }

void Stream::synchronize() const { check_cuda(cudaStreamSynchronize(native(*this)), "device"); }

void Stream::wait_for(const Event& event) const {
  check_cuda(cudaStreamWaitEvent(native(*this), static_cast<cudaEvent_t>(event.get()), 0), "event");
}

void Stream::start_to_device(void* to, const void* from, std::size_t bytes) const {
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, native(*this)), "copy to device");
}

void Stream::to_device(void* to, const void* from, std::size_t bytes) const {
  start_to_device(to, from, bytes);
  synchronize();
}

void Stream::to_host(void* to, const void* from, std::size_t bytes) const {
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, native(*this)), "copy from device");
  synchronize();
}

void Stream::on_device(void* to, const void* from, std::size_t bytes) const {
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, native(*this)), "copy on device");
}

void Stream::fill(void* at, unsigned char with, std::size_t bytes, std::size_t count, std::size_t distance) const {
  check_cuda(cudaMemset2DAsync(at, count == 1 ? bytes : distance, with, bytes, count, native(*this)), "filling");
}

Graph::Graph(const Stream& stream, const std::function<void()>& record) {
  check_cuda(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal), "graph");
  cudaGraph_t graph = nullptr;
  try {
    record();
  } catch (...) {
    cudaStreamEndCapture(native(stream), &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  check_cuda(cudaStreamEndCapture(native(stream), &graph), "graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check_cuda(status, "graph");
  executable_ = executable;
}

Graph::~Graph() {
  if (executable_ != nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_));
}

Graph::Graph(Graph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}

Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(executable_, other.executable_);
  return *this;
}

void Graph::launch(const Stream& stream) const {
  check_cuda(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_), native(stream)), "step");
}

Event::Event() {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  event_ = event;
}

Event::~Event() { cudaEventDestroy(static_cast<cudaEvent_t>(event_)); }

void Event::record(const Stream& stream) {
  check_cuda(cudaEventRecord(static_cast<cudaEvent_t>(event_), native(stream)), "event");
}

void Event::wait() const { check_cuda(cudaEventSynchronize(static_cast<cudaEvent_t>(event_)), "device"); }

void Event::settle() const noexcept {
  if (cudaEventSynchronize(static_cast<cudaEvent_t>(event_)) != cudaSuccess) cudaGetLastError();
}

bool Event::done() const {
  const cudaError_t status = cudaEventQuery(static_cast<cudaEvent_t>(event_));
  if (status == cudaErrorNotReady) return false;
  check_cuda(status, "device");
  return true;
}

// Of large pages where there are some: they are pinned faster. Mapped, not allocated, so that a child of the process
// does not share them: the parent's next write would take it to another page than the one the device reads.
PinnableMemory::PinnableMemory(std::size_t bytes) {
  bytes_ = (bytes + large_page - 1) / large_page * large_page;
  mapped_ = ::mmap(nullptr, bytes_ + large_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped_ == MAP_FAILED)
    throw Error(ErrorCode::out_of_memory, "host memory", std::to_string(bytes_ + large_page) + " bytes");
  std::size_t room = bytes_ + large_page;
  memory_ = mapped_;
  std::align(large_page, bytes_, memory_, room);
  ::madvise(memory_, bytes_, MADV_HUGEPAGE);
  ::madvise(memory_, bytes_, MADV_DONTFORK);
}

PinnableMemory::~PinnableMemory() {
  if (pinned_) cudaHostUnregister(memory_);
  ::munmap(mapped_, bytes_ + large_page);
}

bool PinnableMemory::pin() {
  if (std::exchange(tried_, true)) return pinned_;
  pinned_ = cudaHostRegister(memory_, bytes_, cudaHostRegisterDefault) == cudaSuccess;
  if (!pinned_) cudaGetLastError();  // so that no later call reports it
  return pinned_;
}

void fill_random(Number number, void* memory, std::size_t count, float scale, std::uint64_t seed,
                 const Stream& stream) {
  const std::size_t blocks = (count + 3) / 4;
  const cudaStream_t queue = native(stream);
  if (number == Number::fp32)
    random_kernel<<<1056, 256, 0, queue>>>(static_cast<float*>(memory), blocks, count, scale, seed);
  if (number == Number::fp16)
    random_kernel<<<1056, 256, 0, queue>>>(static_cast<__half*>(memory), blocks, count, scale, seed);
  if (number == Number::bf16)
    random_kernel<<<1056, 256, 0, queue>>>(static_cast<__nv_bfloat16*>(memory), blocks, count, scale, seed);
  check_cuda(cudaGetLastError(), "random numbers");
}

}  // namespace kandinsky::cuda
