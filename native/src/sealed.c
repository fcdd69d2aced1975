#include "sealed.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "core.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

void run_from_sealed_copy(const char *name, char **argv)
{
	if (fcntl(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return;
	fd_auto int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int copy = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy < 0 && errno == EINVAL)
		copy = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;
	if (self < 0 || copy < 0 || fstat(self, &st) < 0) {
		perror("copy the program into memory");
		exit(1);
	}
	for (off_t at = 0; at < st.st_size;)
		if (sendfile(copy, self, &at, (size_t)(st.st_size - at)) <= 0) {
			perror("copy the program into memory");
			exit(1);
		}
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
		perror("seal the copy");
		exit(1);
	}
	fexecve(copy, argv, (char *[]){NULL});
	perror("run the copy");
	exit(1);
}
