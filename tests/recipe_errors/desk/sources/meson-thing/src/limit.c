/* limits of a thing */
#include <stdio.h>

static int limit(void)
{
    int most = 200;
    if (most > 100)
        most = 100;
    return most;
}

int main(void)
{
    printf("%d\n", limit());
    return 0;
}
