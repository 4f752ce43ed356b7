/*
 * uart.h -- registers of the 16550 UART, and what one line of consoled does with them.
 */
#ifndef CONSOLED_UART_H
#define CONSOLED_UART_H

#include <lib/rt/rt.h>

#define UART_FIFO 16			/* bytes the transmitter takes once it says it is empty */

struct uart {
	handle_t ports;
	uint32_t ier_lock;		/* guards ier and the register */
	uint8_t ier;
};

enum uart_event {			/* what uart_service found, and has switched off */
	UART_EVENT_RX = 1,		/* bytes wait: uart_rx_enable when they are taken */
	UART_EVENT_TX = 2,		/* the transmitter is empty */
};

bool uart_open(struct uart *u, handle_t ports);	/* 115200 8N1, FIFOs on; false: nothing there */
uint32_t uart_service(struct uart *u);		/* UART_EVENT_*; 0: no cause pending any more */
void uart_rx_enable(struct uart *u);
void uart_tx_enable(struct uart *u);		/* an interrupt as soon as the transmitter is empty */
bool uart_tx_empty(struct uart *u);
void uart_send(struct uart *u, const uint8_t *data, uint32_t len);	/* len <= UART_FIFO, once uart_tx_empty() */
uint32_t uart_receive(struct uart *u, uint8_t *data, uint32_t room);

#endif
