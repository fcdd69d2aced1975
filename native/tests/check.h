/* The few words a C test needs. */
#ifndef GANTRY_CHECK_H
#define GANTRY_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                  \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
			exit(1);                                                          \
		}                                                                         \
	} while (0)

#define CHECK_TEXT(actual, length, expected)                                                                                   \
	do {                                                                                                                   \
		if ((length) != strlen(expected) || memcmp((actual), (expected), (length)) != 0) {                             \
			fprintf(stderr, "%s:%d: got \"%.*s\", expected \"%s\"\n", __FILE__, __LINE__, (int)(length), (actual), (expected)); \
			exit(1);                                                                                               \
		}                                                                                                              \
	} while (0)

#endif
