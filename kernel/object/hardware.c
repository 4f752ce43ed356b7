/*
 * hardware.c -- what a user-level driver holds: interrupt lines, port ranges, device memory; and the
 * Platform, the authority from which init cuts them.
 *
 * Locks:   irq_lock (RANK_LEASE) guards the table of lines against create and release; an interrupt
 *          reads a line's counter without it: the pointer is cleared before the counter is dropped, and
 *          the line is masked then.
 * Tested:  servers/consoled in every boot test; programs/selftest (rights).
 */
#include "arch.h"
#include "boot.h"
#include "counter.h"
#include "handle.h"
#include "lease.h"
#include "mm.h"
#include "syscalls.h"
#include "thread.h"

struct irq { struct object object; uint32_t gsi; struct counter *counter; struct lease *lease; };
struct ioport { struct object object; uint16_t base; uint32_t count; };

static struct irq *lines[IRQ_LINES];
static struct spinlock irq_lock = SPINLOCK(RANK_LEASE);

void platform_release(struct object *o) { object_free(o); }

int64_t sys_irq_create(uint64_t platform, uint64_t gsi, uint64_t counter)
{
	struct object *c;
	struct irq *irq;
	status_t s = platform_check((handle_t)platform, RIGHT_MANAGE);

	REQUIRE(s == 0, s);
	gsi = gsi < IRQ_LINES ? arch_irq_of_isa((uint32_t)gsi) : gsi;
	REQUIRE(gsi < IRQ_LINES, E_INVAL);
	s = handle_get((handle_t)counter, OBJ_COUNTER, RIGHT_WRITE, &c);
	REQUIRE(s == 0, s);
	irq = object_alloc(current->task->task_pool, OBJ_IRQ, sizeof(*irq), RANK_OBJECT);
	if (!irq) {
		object_put(c);
		return E_NOMEM;
	}
	irq->gsi = (uint32_t)gsi;
	irq->lease = operation_lease();
	irq->counter = container_of(c, struct counter, object);
	spin_lock(&irq_lock);
	s = lines[irq->gsi] ? E_BUSY : 0;
	if (!s)
		lines[irq->gsi] = irq;
	spin_unlock(&irq_lock);
	if (s) {
		object_put(&irq->object);
		return s;
	}
	arch_irq_route(irq->gsi);
	arch_irq_mask(irq->gsi, false);
	return handle_install(false, &irq->object, RIGHTS_ALL, 0);
}

void irq_release(struct object *o)
{
	struct irq *irq = container_of(o, struct irq, object);

	spin_lock(&irq_lock);
	if (lines[irq->gsi] == irq) {
		arch_irq_mask(irq->gsi, true);
		lines[irq->gsi] = NULL;
	}
	spin_unlock(&irq_lock);
	object_put(&irq->counter->object);
	if (irq->lease)
		object_put(&irq->lease->object);
	object_free(o);
}

void irq_fired(uint32_t gsi)
{
	struct irq *irq;

	spin_lock(&irq_lock);
	irq = lines[gsi];
	if (irq && !(irq->lease && lease_ended(irq->lease)))
		counter_signal(irq->counter, 1);
	spin_unlock(&irq_lock);
}

int64_t sys_irq_ack(uint64_t h)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_IRQ, RIGHT_WRITE, &o);

	REQUIRE(s == 0, s);
	arch_irq_mask(container_of(o, struct irq, object)->gsi, false);
	object_put(o);
	return 0;
}

int64_t sys_ioport_create(uint64_t platform, uint64_t base, uint64_t count)
{
	struct ioport *p;
	status_t s = platform_check((handle_t)platform, RIGHT_MANAGE);

	REQUIRE(s == 0, s);
	REQUIRE(count && base < 65536 && count <= 65536 - base, E_INVAL);
	p = object_alloc(current->task->task_pool, OBJ_IOPORT, sizeof(*p), RANK_OBJECT);
	REQUIRE(p, E_NOMEM);
	p->base = (uint16_t)base;
	p->count = (uint32_t)count;
	return handle_install(false, &p->object, RIGHTS_ALL, 0);
}

void ioport_release(struct object *o) { object_free(o); }

static status_t port_check(uint64_t h, uint32_t right, uint64_t offset, uint64_t width, uint16_t *port)
{
	struct object *o;
	struct ioport *p;
	status_t s = handle_get((handle_t)h, OBJ_IOPORT, right, &o);

	REQUIRE(s == 0, s);
	p = container_of(o, struct ioport, object);
	if ((width != 1 && width != 2 && width != 4) || offset >= p->count || width > p->count - offset)
		s = E_INVAL;
	*port = (uint16_t)(p->base + offset);
	object_put(o);
	return s;
}

int64_t sys_ioport_in(uint64_t h, uint64_t offset, uint64_t width)
{
	uint16_t port;
	status_t s = port_check(h, RIGHT_READ, offset, width, &port);

	return s ? s : (int64_t)arch_port_in(port, (uint32_t)width);
}

int64_t sys_ioport_out(uint64_t h, uint64_t offset, uint64_t width, uint64_t value)
{
	uint16_t port;
	status_t s = port_check(h, RIGHT_WRITE, offset, width, &port);

	if (!s)
		arch_port_out(port, (uint32_t)width, (uint32_t)value);
	return s;
}

int64_t sys_mmio_create(uint64_t platform, uint64_t phys, uint64_t len)
{
	struct vmo *v;
	status_t s = platform_check((handle_t)platform, RIGHT_MANAGE);

	REQUIRE(s == 0, s);
	REQUIRE(phys % PAGE_SIZE == 0 && len && len % PAGE_SIZE == 0 && phys + len > phys, E_INVAL);
	REQUIRE(!memory_is_ram(phys, len), E_PERM);
	s = vmo_new_physical(current->task->task_pool, phys, len, &v);
	return s ? s : handle_install(false, &v->object, RIGHTS_ALL, 0);
}

int64_t sys_power_off(uint64_t platform, uint64_t how, uint64_t code)
{
	status_t s = platform_check((handle_t)platform, RIGHT_MANAGE);

	REQUIRE(s == 0, s);
	REQUIRE(how == POWER_OFF_ABI || how == POWER_RESET, E_INVAL);
	kprintf("power off, code %lu\n", code);
	arch_power_off((uint32_t)how, (uint32_t)code);
}
