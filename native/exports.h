// What the addon exports, by subject. src/native/addon.ts says what each of it does.
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
