/*
 * frame.h -- what `./tessera run` and the guest's runner say to each other on COM2.
 *
 * The guest says FRAME_HELLO once; from then on both sides send frames: a type, the length of the
 * payload (16 bits, little endian), the payload. tools/qemu/relay.py is the other side.
 *
 * Towards the guest the line may lose bytes that nobody reads, so the host has at most
 * FRAME_WINDOW bytes of stdin under way; FRAME_CREDIT gives back what the command has taken.
 * Towards the host it cannot lose any.
 */
#ifndef RUNNER_FRAME_H
#define RUNNER_FRAME_H

#define FRAME_HELLO	"\ntessera-run 1\n"
#define FRAME_HEADER	3
#define FRAME_MAX	4096	/* longest payload */
#define FRAME_WINDOW	2048

enum frame_type {
	/* guest to host */
	FRAME_STDOUT = 'o', FRAME_STDOUT_EOF = 'O',
	FRAME_STDERR = 'e', FRAME_STDERR_EOF = 'E',
	FRAME_CREDIT = 'c',		/* 16 bits: so many bytes of stdin were taken */
	FRAME_STDIN_CLOSED = 's',	/* nobody reads stdin any more */
	FRAME_EXIT = 'x',		/* 8 bits: the status; the last frame */
	FRAME_PONG = 'P',
	/* host to guest */
	FRAME_STDIN = 'i', FRAME_STDIN_EOF = 'I',
	FRAME_DROP = 'd',		/* FRAME_STDOUT or FRAME_STDERR: nobody reads it any more */
	FRAME_PING = 'p',
	FRAME_ACK = 'a',		/* the status has arrived; power off */
};

#endif
