// The addon's exports, by subject. src/native/addon.ts says what each does.
#pragma once

#include <napi.h>

namespace spurmem {

void exportTensors(Napi::Object exports);
void exportGenerator(Napi::Object exports);
void exportImageFiles(Napi::Object exports);
void exportImageStore(Napi::Object exports);
void exportNetworks(Napi::Object exports);
void exportLosses(Napi::Object exports);
void exportAdam(Napi::Object exports);
void exportProcessGroups(Napi::Object exports);

}  // namespace spurmem
