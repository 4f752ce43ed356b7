/*
 * uart.c -- a 16550 UART through an I/O port capability.
 *
 * Owns:   the registers of its line.
 * Locks:  ier_lock, for a read-modify-write of one register: held for two native calls, never across a
 *         wait.  Its threads have one priority, so that yielding is enough.
 * Fails:  uart_open when no UART answers.  A port call cannot fail later, short of a kernel bug: the
 *         capability covers exactly the eight registers.
 * Tested: tests/boot; by every character that the console shows
 *
 * Register names and bits are those of the National Semiconductor PC16550D data sheet.
 */
#include "uart.h"

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };
enum { IER_RX = 1, IER_TX = 2 };
enum { IIR_NONE = 1, IIR_MASK = 0x0e, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12 };
enum { FCR_ON_CLEARED_TRIGGER_14 = 0xc7 };
enum { LCR_8N1 = 3, LCR_DLAB = 0x80 };
enum { MCR_DTR_RTS_OUT2 = 0x0b };	/* OUT2 lets the interrupt through on a PC */
enum { LSR_DATA = 1, LSR_BREAK = 0x10, LSR_TX_EMPTY = 0x20 };

static uint8_t reg_read(struct uart *u, unsigned reg)
{
	int64_t value = tess_ioport_in(u->ports, reg, 1);

	if (value < 0)
		rt_panic("reading UART register %u: %s", reg, rt_status_text(value));
	return (uint8_t)value;
}

static void reg_write(struct uart *u, unsigned reg, uint8_t value)
{
	status_t status = tess_ioport_out(u->ports, reg, 1, value);

	if (status < 0)
		rt_panic("writing UART register %u: %s", reg, rt_status_text(status));
}

static void ier_change(struct uart *u, uint8_t clear, uint8_t set)
{
	while (__atomic_exchange_n(&u->ier_lock, 1, __ATOMIC_ACQUIRE))
		tess_thread_yield();
	u->ier = (uint8_t)((u->ier & ~clear) | set);
	reg_write(u, IER, u->ier);
	__atomic_store_n(&u->ier_lock, 0, __ATOMIC_RELEASE);
}

bool uart_open(struct uart *u, handle_t ports)
{
	*u = (struct uart){ .ports = ports };
	reg_write(u, SCR, 0x5a);
	if (reg_read(u, SCR) != 0x5a)
		return false;
	reg_write(u, IER, 0);
	reg_write(u, LCR, LCR_DLAB);
	reg_write(u, DLL, 1);
	reg_write(u, DLM, 0);
	reg_write(u, LCR, LCR_8N1);
	reg_write(u, FCR, FCR_ON_CLEARED_TRIGGER_14);
	reg_write(u, MCR, MCR_DTR_RTS_OUT2);
	return true;
}

uint32_t uart_service(struct uart *u)
{
	uint32_t events = 0;
	uint8_t cause;

	while (!((cause = reg_read(u, IIR)) & IIR_NONE)) {
		switch (cause & IIR_MASK) {
		case IIR_RX:
		case IIR_TIMEOUT:
			ier_change(u, IER_RX, 0);
			events |= UART_EVENT_RX;
			break;
		case IIR_TX:
			ier_change(u, IER_TX, 0);
			events |= UART_EVENT_TX;
			break;
		case IIR_LINE:
			reg_read(u, LSR);
			break;
		default:		/* modem status: not enabled; reading MSR would clear it */
			return events;
		}
	}
	return events;
}

void uart_rx_enable(struct uart *u)
{
	ier_change(u, 0, IER_RX);
}

void uart_tx_enable(struct uart *u)
{
	ier_change(u, 0, IER_TX);
}

bool uart_tx_empty(struct uart *u)
{
	return reg_read(u, LSR) & LSR_TX_EMPTY;
}

void uart_send(struct uart *u, const uint8_t *data, uint32_t len)
{
	RT_ASSERT(len <= UART_FIFO);
	for (uint32_t i = 0; i < len; i++)
		reg_write(u, THR, data[i]);
}

uint32_t uart_receive(struct uart *u, uint8_t *data, uint32_t room)
{
	uint32_t n = 0;
	uint8_t state;

	while (n < room && (state = reg_read(u, LSR)) & LSR_DATA) {
		uint8_t byte = reg_read(u, RBR);

		if (!(state & LSR_BREAK))	/* the NUL that stands for a break is no input */
			data[n++] = byte;
	}
	return n;
}
