// SPDX-License-Identifier: Apache-2.0
#include "process/child_job_windows.h"

namespace tornado {
namespace {

UniqueHandle make_job() {
  UniqueHandle job(::CreateJobObjectW(nullptr, nullptr));
  if (!job) throw_windows_error("CreateJobObject");
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (!::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits,
                                 sizeof limits)) {
    throw_windows_error("SetInformationJobObject");
  }
  return job;
}

}  // namespace

HANDLE dies_with_this_process() {
  static const HANDLE job = make_job().release();
  return job;
}

}  // namespace tornado
