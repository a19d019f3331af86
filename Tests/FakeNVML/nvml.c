// A stand-in for NVIDIA's libnvidia-ml.so.1 that gives known answers, for machines without a GPU. Tests compile it (see
// Tests/ProgramSupport/FakeNVML.swift) with definitions that change or remove answers. Functions, structures and numbers
// are those of the NVML API Reference (docs.nvidia.com/deploy/nvml-api).
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DEVICES
#define DEVICES 2
#endif
#ifndef DRIVER
#define DRIVER "580.65.06"
#endif
#ifndef CUDA
#define CUDA 13000
#endif
#ifndef START
#define START SUCCESS
#endif
#ifndef PEER_STATUS
#define PEER_STATUS 0
#endif
#ifndef CLOCK_REASONS
#define CLOCK_REASONS 0x24 // the power limit, and heat
#endif
#ifndef CAPABILITY
#define CAPABILITY 9
#endif
#ifndef SECOND_NAME
#define SECOND_NAME FIRST_NAME
#endif
#ifndef MIG
#define MIG 0
#endif
#ifndef COMPUTE_MODE
#define COMPUTE_MODE 0
#endif
#ifndef ROWS_FAILED
#define ROWS_FAILED 0
#endif

#define FIRST_NAME "NVIDIA H100 80GB HBM3"

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, NO_DRIVER = 9, TIMEOUT = 10 };
typedef int nvmlReturn_t;
typedef struct device {
  int index;
} *nvmlDevice_t;

static struct device devices[8] = {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}};
static const char *const bus[8] = {"00000000:3B:00.0", "00000000:5E:00.0", "00000000:86:00.0", "00000000:AF:00.0",
                                   "00000000:D8:00.0", "00000000:DB:00.0", "00000001:3B:00.0", "00000001:5E:00.0"};

#ifdef NOTHING_SUPPORTED
#define ANSWER return NOT_SUPPORTED;
#else
#define ANSWER
#endif

static nvmlReturn_t write_text(char *out, unsigned size, const char *text) {
  if (strlen(text) >= size)
    return INSUFFICIENT_SIZE;
  strcpy(out, text);
  return SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) { return START; }
nvmlReturn_t nvmlShutdown(void) { return SUCCESS; }
nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned size) { return write_text(out, size, DRIVER); }
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *out) { return *out = CUDA, SUCCESS; }

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *out) { return *out = DEVICES, SUCCESS; }
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *out) {
  return index < DEVICES ? (*out = &devices[index], SUCCESS) : INVALID_ARGUMENT;
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *out, unsigned size) {
  return write_text(out, size, device->index == 0 ? FIRST_NAME : SECOND_NAME);
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *out, unsigned size) {
  char text[80];
  snprintf(text, sizeof text, "GPU-%d932f937-d72c-4106-c12f-20bd9faed9f6", device->index);
  return write_text(out, size, text);
}

typedef struct {
  char busIdLegacy[16];
  unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32];
} nvmlPciInfo_t;
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *out) {
  memset(out, 'x', sizeof *out);
  return write_text(out->busId, sizeof out->busId, bus[device->index]);
}
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
  (void)device;
  return *major = CAPABILITY, *minor = 0, SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
  (void)device;
  ANSWER return *current = MIG, *pending = MIG, SUCCESS;
}
nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned *out) {
  (void)device;
  ANSWER return *out = COMPUTE_MODE, SUCCESS;
}
nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t one, nvmlDevice_t other, unsigned capability, unsigned *out) {
  if (one == other || capability > 4)
    return INVALID_ARGUMENT;
  ANSWER return *out = capability == 2 ? 5 /* no NVLink */ : PEER_STATUS, SUCCESS;
}

typedef struct {
  unsigned gpu, memory;
} nvmlUtilization_t;
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *out) {
  ANSWER return *out = (nvmlUtilization_t){97 - (unsigned)device->index, 41}, SUCCESS;
}

#ifndef WITHOUT_MEMORY_V2
typedef struct {
  unsigned version;
  unsigned long long total, reserved, free, used;
} nvmlMemory_v2_t;
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *out) {
  (void)device;
  if (out->version != (sizeof *out | 2u << 24))
    return 25; // NVML_ERROR_ARGUMENT_VERSION_MISMATCH
  out->total = 80ull << 30, out->reserved = 1ull << 30, out->used = 12ull << 30, out->free = 67ull << 30;
  return SUCCESS;
}
#endif
typedef struct {
  unsigned long long total, free, used;
} nvmlMemory_t;
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *out) {
  (void)device;
  return *out = (nvmlMemory_t){80ull << 30, 67ull << 30, 13ull << 30}, SUCCESS;
}

typedef struct {
  unsigned pid;
  unsigned long long usedGpuMemory;
  unsigned gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_t;
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *out) {
  (void)device;
  ANSWER if (*count < 2) return *count = 2, INSUFFICIENT_SIZE;
  out[0] = (nvmlProcessInfo_t){1, 9ull << 30, ~0u, ~0u};
  out[1] = (nvmlProcessInfo_t){(unsigned)getpid(), 3ull << 30, ~0u, ~0u};
  return *count = 2, SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *out) {
  (void)device;
  ANSWER return *out = 652500, SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *out) {
  (void)device;
  ANSWER return *out = 700000, SUCCESS;
}
#ifdef WITHOUT_OLD_TEMPERATURE
typedef struct {
  unsigned version, sensor;
  int temperature;
} nvmlTemperature_t;
nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *out) {
  if (out->version != (sizeof *out | 1u << 24) || out->sensor != 0)
    return INVALID_ARGUMENT;
  return out->temperature = 71 + device->index, SUCCESS;
}
#else
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *out) {
  if (sensor != 0)
    return INVALID_ARGUMENT;
  return *out = 71 + (unsigned)device->index, SUCCESS;
}
#endif
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned kind, unsigned *out) {
  (void)device;
  ANSWER return *out = kind == 1 ? 1755 : 2619, SUCCESS; // SM, memory
}
#ifdef WITHOUT_EVENT_REASONS
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *out) {
#else
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *out) {
#endif
  (void)device;
  ANSWER return *out = CLOCK_REASONS, SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, unsigned kind, unsigned counter,
                                         unsigned long long *out) {
  (void)device;
  ANSWER return *out = kind == 1 && counter == 0 ? 3 : 999, SUCCESS; // uncorrected, since the driver was loaded
}
#ifdef WITHOUT_ROWS
nvmlReturn_t nvmlDeviceGetRetiredPages(nvmlDevice_t device, unsigned cause, unsigned *count,
                                       unsigned long long *addresses) {
  (void)device, (void)addresses;
  ANSWER unsigned there = cause == 0 ? 0 : 2, room = *count;
  *count = there;
  return room < there ? INSUFFICIENT_SIZE : SUCCESS;
}
nvmlReturn_t nvmlDeviceGetRetiredPagesPendingStatus(nvmlDevice_t device, unsigned *out) {
  (void)device;
  ANSWER return *out = 1, SUCCESS;
}
#else
nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *corrected, unsigned *uncorrected,
                                       unsigned *pending, unsigned *failed) {
  (void)device;
  ANSWER return *corrected = 4, *uncorrected = 1, *pending = 0, *failed = ROWS_FAILED, SUCCESS;
}
#endif

#ifndef WITHOUT_GPM
typedef struct sample {
  int number;
} *nvmlGpmSample_t;
typedef struct {
  unsigned metricId;
  nvmlReturn_t nvmlReturn;
  double value;
  struct {
    char *shortName, *longName, *unit;
  } metricInfo;
} nvmlGpmMetric_t;
typedef struct {
  unsigned version, numMetrics;
  nvmlGpmSample_t sample1, sample2;
  nvmlGpmMetric_t metrics[];
} nvmlGpmMetricsGet_t;
typedef struct {
  unsigned version, isSupportedDevice;
} nvmlGpmSupport_t;

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support) {
  (void)device;
  if (support->version != 1)
    return INVALID_ARGUMENT;
  ANSWER return support->isSupportedDevice = 1, SUCCESS;
}
nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *out) {
  return (*out = calloc(1, sizeof **out)) ? SUCCESS : INSUFFICIENT_SIZE;
}
nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) { return free(sample), SUCCESS; }
nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample) {
  static int number;
  (void)device;
  return sample->number = ++number, SUCCESS;
}
nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *get) {
  // The later one second, and never one that was not taken.
  if (get->version != 1 || get->sample1->number < 1 || get->sample2->number <= get->sample1->number)
    return INVALID_ARGUMENT;
  for (unsigned i = 0; i < get->numMetrics; i++) {
    nvmlGpmMetric_t *metric = &get->metrics[i];
    metric->nvmlReturn = metric->metricId == 2 || metric->metricId == 5 ? SUCCESS : NOT_SUPPORTED;
    metric->value = metric->metricId == 2 ? 64 : 31.5; // busy multiprocessors, tensor cores
  }
  return SUCCESS;
}
#endif

#ifdef XID
typedef struct {
  nvmlDevice_t device;
  unsigned long long eventType, eventData;
  unsigned gpuInstanceId, computeInstanceId;
} nvmlEventData_t;
typedef struct set {
  int told;
} *nvmlEventSet_t;

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *out) {
  return (*out = calloc(1, sizeof **out)) ? SUCCESS : INSUFFICIENT_SIZE;
}
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long kinds, nvmlEventSet_t set) {
  (void)device, (void)set;
  return kinds == 8 ? SUCCESS : INVALID_ARGUMENT;
}
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *out, unsigned milliseconds) {
  (void)milliseconds;
  if (set->told++)
    return TIMEOUT;
  return *out = (nvmlEventData_t){&devices[0], 8, XID, ~0u, ~0u}, SUCCESS;
}
nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) { return free(set), SUCCESS; }
#endif
