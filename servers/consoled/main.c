/*
 * consoled -- the serial lines: bytes from linuxd's pipes to the UARTs, and from the UARTs to linuxd.
 *
 * Three threads a line, so that no direction waits for the other:
 *   interrupt  takes the causes off the UART and signals the two others; never waits for anyone else
 *   output     pipe -> transmitter; tells linuxd that there is room, and when all is sent
 *   input      receiver -> LX_TTY_INPUT.  While linuxd delays its answer nothing is read, the receive
 *              FIFO fills and the far end holds back: that is the flow control
 *
 * Owns:    the UARTs.  Nothing but the bytes in flight is lost when it is restarted.
 * Locks:   those of uart.c.
 * Fails:   a line without UART or grant is left out with a line in the log; linuxd being gone ends the
 *          machine anyway (its restart policy).
 * Tested:  tests/boot
 */
#include <abi/linux_protocol.h>
#include <lib/rt/ipc.h>
#include "uart.h"

#define LINES		2
#define CHUNK		4096
#define LULL_NS		1000000		/* without output before linuxd hears that all is sent */
#define PRIORITY	180		/* as in the manifest */

struct line {
	unsigned number;
	struct uart uart;
	handle_t irq, event;		/* the line's interrupt and what it signals */
	handle_t rx, tx;		/* counters from the interrupt thread to the others */
	handle_t pipe, linuxd;
	uint64_t sent;			/* bytes put into the transmitter since start; the output thread's */
	uint8_t out[CHUNK];
};

static struct line lines[LINES];

static void event_wait(handle_t counter)
{
	int64_t value = tess_counter_wait(counter, DEADLINE_NEVER);

	if (value < 0 && value != E_INTERRUPTED)
		rt_panic("waiting for an event: %s", rt_status_text(value));
}

/*
 * An edge that comes while the line is masked is lost, so after each unmasking the UART is looked at once
 * more before this sleeps.
 */
static void interrupt_thread(void *arg)
{
	struct line *l = arg;

	for (;;) {
		uint32_t events = uart_service(&l->uart);

		if (events & UART_EVENT_RX)
			tess_counter_signal(l->rx, 1);
		if (events & UART_EVENT_TX)
			tess_counter_signal(l->tx, 1);
		tess_irq_ack(l->irq);
		if (!events)
			event_wait(l->event);
	}
}

static void input_send(struct line *l, const uint8_t *data, uint32_t len)
{
	struct ipc_message *m = ipc_begin(LX_TTY_INPUT);
	status_t status;

	m->words[1] = l->number;
	ipc_put(m, data, len);
	status = tess_ipc_call(l->linuxd, DEADLINE_NEVER);
	if (status < 0)
		rt_log("line %u: %u bytes of input lost: %s", l->number, len, rt_status_text(status));
}

static void input_thread(void *arg)
{
	struct line *l = arg;
	uint8_t data[256];
	uint32_t len;

	for (;;) {
		while ((len = uart_receive(&l->uart, data, sizeof(data))) > 0)
			input_send(l, data, len);
		uart_rx_enable(&l->uart);
		event_wait(l->rx);
	}
}

/* LX_TTY_DRAINED: [2] bytes sent since start, [3] bytes that the pipe still holds */
static void output_tell(struct line *l, uint64_t held)
{
	struct ipc_message *m = ipc_begin(LX_TTY_DRAINED);
	status_t status;

	m->words[1] = l->number;
	m->words[2] = l->sent;
	m->words[3] = held;
	status = tess_ipc_call(l->linuxd, DEADLINE_NEVER);
	if (status < 0)
		rt_log("line %u: linuxd does not answer: %s", l->number, rt_status_text(status));
}

static void output_send(struct line *l, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		uint32_t burst = len - done < UART_FIFO ? len - done : UART_FIFO;

		while (!uart_tx_empty(&l->uart)) {
			uart_tx_enable(&l->uart);
			event_wait(l->tx);
		}
		uart_send(&l->uart, l->out + done, burst);
		done += burst;
	}
	l->sent += len;
}

static uint64_t pipe_held(struct line *l, uint64_t *capacity)
{
	struct pipe_info info;
	status_t status = tess_pipe_query(l->pipe, &info);

	if (status < 0)
		rt_panic("line %u: asking the pipe: %s", l->number, rt_status_text(status));
	*capacity = info.capacity;
	return info.bytes;
}

/*
 * linuxd writes without waiting and, refused, waits for LX_TTY_DRAINED.  Only this thread takes bytes
 * out: what the pipe held when a write of at most PIPE_ATOMIC was refused (more than capacity -
 * PIPE_ATOMIC) is still there at the next read.  So after a read that may have found so much, linuxd
 * is told; what the pipe holds now plus what was read is never less than what it held then.
 * When everything is sent and nothing follows for LULL_NS, linuxd is told too, with the count: tcdrain and
 * power-off ask for it, and a stream of short lines does not pay a call a line.
 */
static void output_thread(void *arg)
{
	struct line *l = arg;
	bool untold = false;		/* bytes sent that linuxd has not heard of */
	uint64_t held, capacity;

	for (;;) {
		uint64_t deadline = untold ? rt_mono_ns() + LULL_NS : DEADLINE_NEVER;
		int64_t got = tess_descriptor_read(l->pipe, l->out, CHUNK, deadline);

		if (got == E_TIMEDOUT) {
			output_tell(l, 0);
			untold = false;
			continue;
		}
		if (got == E_INTERRUPTED)
			continue;
		if (got < 0)
			rt_panic("line %u: reading its pipe: %s", l->number, rt_status_text(got));
		if (got == 0)		/* no writer has the pipe open any more */
			return;
		held = pipe_held(l, &capacity);
		if (held + (uint64_t)got + PIPE_ATOMIC > capacity)
			output_tell(l, held);
		output_send(l, (uint32_t)got);
		untold = true;
	}
}

static handle_t line_grant(unsigned number, const char *format)
{
	char name[RT_NAME];

	snprintf(name, sizeof(name), format, number);
	return rt_grant(name);
}

static handle_t counter_need(void)
{
	int64_t counter = tess_counter_create(H_SELF, 0, 0);

	if (counter < 0)
		rt_panic("no counter: %s", rt_status_text(counter));
	return (handle_t)counter;
}

static void thread_need(void (*entry)(void *), struct line *l)
{
	int64_t number = rt_thread_create(entry, l, PRIORITY);

	if (number < 0)
		rt_panic("line %u: no thread: %s", l->number, rt_status_text(number));
}

static bool line_start(struct line *l, unsigned number, handle_t linuxd)
{
	handle_t ports = line_grant(number, "uart%u");

	l->number = number;
	l->linuxd = linuxd;
	l->irq = line_grant(number, "uart%u-irq");
	l->event = line_grant(number, "uart%u-irq.event");
	l->pipe = line_grant(number, "tty%u-out");
	if (ports == H_NONE || l->irq == H_NONE || l->event == H_NONE || l->pipe == H_NONE)
		return false;
	if (!uart_open(&l->uart, ports)) {
		rt_log("line %u: no UART there", number);
		return false;
	}
	l->rx = counter_need();
	l->tx = counter_need();
	thread_need(interrupt_thread, l);
	thread_need(input_thread, l);
	thread_need(output_thread, l);
	return true;
}

int main(void)
{
	handle_t linuxd = rt_grant_need("linuxd");
	unsigned started = 0;

	for (unsigned i = 0; i < LINES; i++)
		started += line_start(&lines[i], i, linuxd);
	if (!started)
		rt_log("no serial line at all");
	tess_thread_exit();		/* the lines' threads go on */
	return 0;
}
