#include "tornado/ioloop.h"
