/* In a folder d that all may write: unlink|rename d/f, or link d/f to a name here. Where the folder is
 * sticky, or the file another's, it takes FOWNER. */
#include "trap.h"

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);

	if (is(how, "unlink"))
		MUST(unlink("d/f"));
	else if (is(how, "rename"))
		MUST(rename("d/f", "d/g"));
	else if (is(how, "link"))
		MUST(link("d/f", "d/g"));
	else
		return 2;
	return 0;
}
