/*
 * A tiny server with everything a file server has that matters to whoever builds and runs it: a
 * configuration file, a library, a daemon, and one process for each client under a user's own uid.
 *
 * greeter -V               prints version and variant
 * greeter CONF USER        reads CONF, listens on 127.0.0.1, serves each client as USER
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <zlib.h>

#ifndef VARIANT
#define VARIANT "plain"
#endif

static const char *mood = "quietly";

static int port = 7007;
static char greeting[256] = "hello";

static int read_configuration(const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return -1;
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "port = ", 7) == 0)
            port = atoi(line + 7);
        if (strncmp(line, "greeting = ", 11) == 0)
            snprintf(greeting, sizeof(greeting), "%s", line + 11);
    }
    fclose(file);
    return 0;
}

static void serve(int client, const struct passwd *user)
{
    char answer[512], byte;
    unsigned long sum = crc32(0L, (const Bytef *)greeting, (uInt)strlen(greeting));

    if (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
        _exit(1);
    snprintf(answer, sizeof(answer), "%s %s %08lx\n", greeting, mood, sum);
    if (write(client, answer, strlen(answer)) < 0)
        _exit(1);
    /* a session lasts until the client goes */
    while (read(client, &byte, 1) > 0)
        ;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    struct passwd *user;
    int listener, one = 1;

    if (argc == 2 && strcmp(argv[1], "-V") == 0) {
        printf("greeter 1.0 %s %s\n", VARIANT, mood);
        return 0;
    }
    if (argc != 3 || read_configuration(argv[1]) != 0 || (user = getpwnam(argv[2])) == NULL) {
        fprintf(stderr, "usage: greeter -V | greeter CONF USER\n");
        return 2;
    }
    signal(SIGCHLD, SIG_IGN);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 16) != 0) {
        perror("greeter: cannot listen");
        return 1;
    }
    /* whoever starts it may go on as soon as it listens */
    if (fork() != 0)
        return 0;
    setsid();
    for (;;) {
        int client = accept(listener, NULL, NULL);

        if (client < 0)
            continue;
        if (fork() == 0) {
            close(listener);
            serve(client, user);
        }
        close(client);
    }
}
