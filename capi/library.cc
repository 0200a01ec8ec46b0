// Status names, versions, devices, cancel handles, how a model computes.
#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

static_assert(KANDINSKY_C_VERSION_MAJOR == KANDINSKY_VERSION_MAJOR);
static_assert(KANDINSKY_C_VERSION_MINOR == KANDINSKY_VERSION_MINOR);
static_assert(KANDINSKY_C_VERSION_PATCH == KANDINSKY_VERSION_PATCH);
static_assert(KANDINSKY_STAGE_DRAWING == int(Stage::drawing) && KANDINSKY_STAGE_DECODING == int(Stage::decoding) &&
              KANDINSKY_STAGE_RANKING == int(Stage::ranking) && KANDINSKY_STAGE_ENLARGING == int(Stage::enlarging));
static_assert(KANDINSKY_INVALID_ARGUMENT == int(ErrorCode::invalid_argument) &&
              KANDINSKY_NOT_FOUND == int(ErrorCode::not_found) && KANDINSKY_BAD_FILE == int(ErrorCode::bad_file) &&
              KANDINSKY_UNSUPPORTED == int(ErrorCode::unsupported) &&
              KANDINSKY_OUT_OF_MEMORY == int(ErrorCode::out_of_memory) &&
              KANDINSKY_CANCELLED == int(ErrorCode::cancelled) && KANDINSKY_IO == int(ErrorCode::io) &&
              KANDINSKY_INTERNAL == int(ErrorCode::internal));

const char* kandinsky_status_name(kandinsky_status status) {
  switch (status) {
    case KANDINSKY_OK:
      return "ok";
    case KANDINSKY_INVALID_ARGUMENT:
      return "invalid argument";
    case KANDINSKY_NOT_FOUND:
      return "not found";
    case KANDINSKY_BAD_FILE:
      return "bad file";
    case KANDINSKY_UNSUPPORTED:
      return "unsupported";
    case KANDINSKY_OUT_OF_MEMORY:
      return "out of memory";
    case KANDINSKY_CANCELLED:
      return "cancelled";
    case KANDINSKY_IO:
      return "input/output error";
    case KANDINSKY_INTERNAL:
      return "internal error";
    default:
      return "unknown status";
  }
}

// Both are string literals, which end with a zero byte.
const char* kandinsky_version(void) { return version().data(); }
const char* kandinsky_torch_version(void) { return torch_version().data(); }
int32_t kandinsky_abi_version(void) { return KANDINSKY_C_ABI_VERSION; }

kandinsky_status kandinsky_devices_list(kandinsky_devices** list, kandinsky_error* error) {
  return make(list, "devices", error, [] { return kandinsky_devices{kandinsky::devices()}; });
}
size_t kandinsky_devices_count(const kandinsky_devices* devices) { return devices ? devices->list.size() : 0; }
static const DeviceInfo* device_at(const kandinsky_devices* devices, size_t index) {
  return index < kandinsky_devices_count(devices) ? &devices->list[index] : nullptr;
}
const char* kandinsky_devices_name(const kandinsky_devices* devices, size_t index) {
  const DeviceInfo* device = device_at(devices, index);
  return device ? device->name.c_str() : nullptr;
}
const char* kandinsky_devices_description(const kandinsky_devices* devices, size_t index) {
  const DeviceInfo* device = device_at(devices, index);
  return device ? device->description.c_str() : nullptr;
}
uint64_t kandinsky_devices_memory_total(const kandinsky_devices* devices, size_t index) {
  const DeviceInfo* device = device_at(devices, index);
  return device ? device->memory_total : 0;
}
uint64_t kandinsky_devices_memory_free(const kandinsky_devices* devices, size_t index) {
  const DeviceInfo* device = device_at(devices, index);
  return device ? device->memory_free : 0;
}
void kandinsky_devices_release(kandinsky_devices* devices) { delete devices; }

kandinsky_status kandinsky_cancel_new(kandinsky_cancel** cancel, kandinsky_error* error) {
  if (cancel) *cancel = nullptr;
  return guarded(error, [&] {
    need(cancel, "cancel");
    *cancel = new kandinsky_cancel;
  });
}
void kandinsky_cancel_trigger(kandinsky_cancel* cancel) {
  if (cancel) cancel->triggered.store(1, std::memory_order_relaxed);
}
int32_t kandinsky_cancel_triggered(const kandinsky_cancel* cancel) { return cancelled(cancel) ? 1 : 0; }
void kandinsky_cancel_release(kandinsky_cancel* cancel) { delete cancel; }

void kandinsky_compute_options_init(kandinsky_compute_options* options) {
  if (options) *options = {sizeof *options, nullptr, KANDINSKY_PRECISION_AUTO, 0, nullptr, nullptr};
}
