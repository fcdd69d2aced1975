/*
 * gantry-nft: carries out nft commands from standard input in one transaction. Dynamic, because libnftables has no static library;
 * run by the launcher when the agent starts, never on the way of a container.
 * Exit status 0, or 1 with nft's words on standard error.
 */
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>

enum { RULESET_MAX = 16 * 1024 * 1024 };

static char *read_input(void)
{
	size_t size = 65536, used = 0;
	char *text = malloc(size);
	while (text) {
		used += fread(text + used, 1, size - used - 1, stdin);
		if (used < size - 1)
			break;
		size *= 2;
		char *larger = size <= RULESET_MAX ? realloc(text, size) : NULL;
		if (!larger)
			free(text);
		text = larger;
	}
	if (text)
		text[used] = 0;
	return text;
}

int main(void)
{
	char *text = read_input();
	if (!text) {
		fprintf(stderr, "ruleset is larger than %d bytes or memory is short\n", RULESET_MAX);
		return 1;
	}
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft) {
		fprintf(stderr, "cannot open nf_tables\n");
		return 1;
	}
	const int result = nft_run_cmd_from_buffer(nft, text);
	nft_ctx_free(nft);
	free(text);
	return result == 0 ? 0 : 1;
}
