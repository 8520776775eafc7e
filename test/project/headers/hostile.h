// SPDX-License-Identifier: Apache-2.0
// Macros of systems and libraries that users include before ours. Each expands to what
// no declaration survives.
#pragma once

// <stdio.h> of some systems, <sys/sysmacros.h>, compilers in gnu mode
#define fileno(file) hostile fileno
#define major(dev) hostile major
#define minor(dev) hostile minor
#define linux hostile linux
#define unix hostile unix

// <windows.h>
#define min(a, b) hostile min
#define max(a, b) hostile max
#define ERROR hostile ERROR
#define DELETE hostile DELETE
#define IN hostile IN
#define OUT hostile OUT
#define OPTIONAL hostile OPTIONAL
#define READ hostile READ
#define WRITE hostile WRITE
#define interface hostile interface
#define near hostile near
#define far hostile far
#define small hostile small
#define Yield hostile Yield

// X11
#define None hostile None
#define Always hostile Always
#define Success hostile Success
#define Status hostile Status
#define Bool hostile Bool
#define NONE hostile NONE

// macOS's <AssertMacros.h>, Qt
#define check(condition) hostile check
#define verify(condition) hostile verify
#define signals hostile signals
#define slots hostile slots
#define emit hostile emit
#define foreach hostile foreach
