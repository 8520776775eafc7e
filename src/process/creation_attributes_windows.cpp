// SPDX-License-Identifier: Apache-2.0
#include "process/creation_attributes_windows.h"

namespace tornado {

CreationAttributes::CreationAttributes(DWORD count) {
  SIZE_T size = 0;
  ::InitializeProcThreadAttributeList(nullptr, count, 0, &size);
  memory_ = std::make_unique<std::byte[]>(size);
  const auto list = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.get());
  if (!::InitializeProcThreadAttributeList(list, count, 0, &size)) {
    throw_windows_error("InitializeProcThreadAttributeList");
  }
  list_ = list;
}

CreationAttributes::~CreationAttributes() {
  ::DeleteProcThreadAttributeList(list_);
}

void CreationAttributes::set_handles(std::vector<HANDLE>& handles) {
  set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles.data(),
      handles.size() * sizeof(HANDLE), "PROC_THREAD_ATTRIBUTE_HANDLE_LIST");
}

void CreationAttributes::set_job(HANDLE& job) {
  constexpr DWORD_PTR job_list = 0x2000d;  // PROC_THREAD_ATTRIBUTE_JOB_LIST
  set(job_list, &job, sizeof job, "PROC_THREAD_ATTRIBUTE_JOB_LIST");
}

void CreationAttributes::set(DWORD_PTR attribute, void* value, std::size_t size,
                             const char* act) {
  if (!::UpdateProcThreadAttribute(list_, 0, attribute, value, size, nullptr,
                                   nullptr)) {
    throw_windows_error(act);
  }
}

}  // namespace tornado
