/*
 * memory.c -- mmap and its kin, brk.  The kernel keeps the address space; here are Linux's argument
 * checks, and the rule that the translator's zone is neither given nor taken.
 *
 * Owns:     state->brk* under state->lock.
 * Conforms: mmap(2), mprotect(2), mremap(2), madvise(2), brk(2), msync(2), mincore(2), mlock(2).
 * Tested:   tests/linux/memory.c
 */
#include "translator.h"

#define TASK_END	USER_TOP
#define LOW_START	0x40000000ull
#define LOW_END		0x80000000ull
#define PAGES(len)	(((len) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

/* Does [addr, addr + len) stay below the zone, or above our image?  len is whole pages and did not overflow. */
static bool range_ours(uint64_t addr, uint64_t len)
{
	return (addr <= LINUX_ZONE_LO && len <= LINUX_ZONE_LO - addr) ||
		(unlikely(addr >= LINUX_TOP_LO) && addr < USER_TOP && len <= USER_TOP - addr);
}

/* --- mmap ----------------------------------------------------------------------------------------- */

static uint64_t prot_to_native(uint64_t prot)
{
	uint64_t f = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);

	if (f & PROT_WRITE)
		f |= MAP_READ;		/* as the processor has it */
	return f;
}

static int64_t map_error(int64_t status)
{
	switch (status) {
	case E_TYPE: case E_NOT_HERE:
		return -ENODEV;
	case E_EXIST:
		return -EEXIST;
	case E_RIGHTS:
		return -EACCES;
	case E_LIMIT: case E_NOENT:
		return -ENOMEM;
	default:
		return status_errno(status);
	}
}

/* mmap(2), MAP_32BIT: in the first 2 GiB, from where Linux starts to look. */
static int64_t map_low(uint64_t len, uint64_t native, handle_t object, uint64_t offset)
{
	struct mapping_info info;
	uint64_t at = LOW_START;

	while (len <= LOW_END && at <= LOW_END - len) {
		if (tess_vspace_query(H_SELF, at, &info) < 0 || info.start >= at + len)
			return tess_vspace_map(H_SELF, at, len, native | MAP_FIXED_EMPTY, object, offset);
		at = info.end;
	}
	return E_NOMEM;
}

/* A hint is taken when its place is free; otherwise the kernel chooses. */
static int64_t map_place(uint64_t addr, uint64_t len, uint64_t flags, uint64_t native, handle_t object,
			 uint64_t offset)
{
	int64_t r;

	if (flags & MAP_FIXED_NOREPLACE)
		return tess_vspace_map(H_SELF, addr, len, native | MAP_FIXED_EMPTY, object, offset);
	if (flags & MAP_FIXED)
		return tess_vspace_map(H_SELF, addr, len, native | MAP_FIXED_ABI, object, offset);
	if (flags & MAP_32BIT && addr == 0)
		return map_low(len, native, object, offset);
	addr = PAGES(addr);
	if (addr >= LINUX_MMAP_LO && range_ours(addr, len)) {
		r = tess_vspace_map(H_SELF, addr, len, native | MAP_FIXED_EMPTY, object, offset);
		if (r != E_EXIST && r != E_INVAL)
			return r;
	}
	return tess_vspace_map(H_SELF, 0, len, native, object, offset);
}

/* Shared anonymous memory is an object of its own, so that fork keeps it shared. */
static int64_t map_anonymous(uint64_t addr, uint64_t len, uint64_t flags, uint64_t native)
{
	int64_t vmo, r;

	if (!(native & MAP_SHARED_ABI))
		return map_place(addr, len, flags, native, H_NONE, 0);
	vmo = tess_vmo_create(H_SELF, len);
	if (vmo < 0)
		return vmo;
	r = map_place(addr, len, flags, native, (handle_t)vmo, 0);
	tess_handle_close((handle_t)vmo);
	return r;
}

/* Is it a seal (memfd_create(2)) that forbids a mapping which the open file would allow? */
static bool sealed_against(uint64_t fd, uint64_t native)
{
	struct handle_info info;
	struct content_attr attr;

	return native & MAP_SHARED_ABI && native & MAP_WRITE && tess_handle_query((handle_t)fd, &info) >= 0 &&
		(info.desc_flags & (DESC_READ | DESC_WRITE)) == (DESC_READ | DESC_WRITE) &&
		tess_descriptor_attributes((handle_t)fd, &attr) >= 0 && attr.seals & SEAL_WRITE;
}

static int64_t map_file(uint64_t addr, uint64_t len, uint64_t flags, uint64_t native, uint64_t fd, uint64_t offset)
{
	struct handle_info info;
	int64_t r;

	if (fd_bad(fd))
		return -EBADF;
	r = map_place(addr, len, flags, native, (handle_t)fd, offset);
	if (r >= 0)
		return r;
	if (r == E_ACCESS && sealed_against(fd, native))
		return -EPERM;
	if (r != E_NODEV && r != E_TYPE && r != E_NOT_HERE)
		return map_error(r);
	if (tess_handle_query((handle_t)fd, &info) < 0)
		return -EBADF;
	if (info.object_type == OBJ_ZERO) {
		r = map_anonymous(addr, len, flags, native);
		return r < 0 ? map_error(r) : r;
	}
	return !(info.desc_flags & (DESC_READ | DESC_WRITE)) ? -EBADF :
		!(info.desc_flags & DESC_READ) ? -EACCES : -ENODEV;
}

int64_t sys_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags, uint64_t fd, uint64_t offset)
{
	uint64_t native = prot_to_native(prot), type = flags & MAP_TYPE;
	int64_t r;

	if (unlikely(len == 0 || offset & (PAGE_SIZE - 1)))
		return -EINVAL;
	if (unlikely(type == 0 || type > MAP_SHARED_VALIDATE))
		return -EINVAL;
	if (unlikely(len > TASK_END))
		return -ENOMEM;
	len = PAGES(len);
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr & (PAGE_SIZE - 1))
			return -EINVAL;
		if (!range_ours(addr, len))
			return -ENOMEM;
		if (addr < LINUX_MMAP_LO)
			return -EPERM;		/* vm.mmap_min_addr */
	}
	if (unlikely(flags & MAP_HUGETLB))
		return -EINVAL;
	if (type != MAP_PRIVATE)
		native |= MAP_SHARED_ABI;
	if (flags & MAP_GROWSDOWN)
		native |= MAP_GROWSDOWN_ABI;
	if (flags & (MAP_POPULATE | MAP_LOCKED) && !(flags & MAP_NONBLOCK))
		native |= MAP_POPULATE_ABI;
	if (!(flags & MAP_ANONYMOUS)) {
		if (offset + len < offset)
			return -EOVERFLOW;
		return map_file(addr, len, flags, native, fd, offset);
	}
	r = map_anonymous(addr, len, flags, native);
	return r < 0 ? map_error(r) : r;
}

/* --- changing what is mapped --------------------------------------------------------------------------- */

int64_t sys_munmap(uint64_t addr, uint64_t len)
{
	if (unlikely(addr & (PAGE_SIZE - 1) || len == 0 || len > TASK_END || !range_ours(addr, PAGES(len))))
		return -EINVAL;
	return result(tess_vspace_unmap(H_SELF, addr, PAGES(len)));
}

int64_t sys_mprotect(uint64_t addr, uint64_t len, uint64_t prot)
{
	uint64_t extra = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	struct mapping_info info;
	int64_t r;

	prot &= ~(uint64_t)(PROT_GROWSDOWN | PROT_GROWSUP);
	if (extra == (PROT_GROWSDOWN | PROT_GROWSUP) || addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > TASK_END || !range_ours(addr, PAGES(len)))
		return -ENOMEM;
	len = PAGES(len);
	if (extra) {
		if (tess_vspace_query(H_SELF, addr, &info) < 0 || info.start > addr)
			return -ENOMEM;
		if (extra == PROT_GROWSUP || !(info.flags & MAP_GROWSDOWN_ABI))
			return -EINVAL;
		len += addr - info.start;
		addr = info.start;
	}
	r = tess_vspace_protect(H_SELF, addr, len, prot_to_native(prot));
	return r == E_NOENT ? -ENOMEM : r == E_ACCESS || r == E_RIGHTS ? -EACCES : result(r);
}

/* ENOMEM where a part of the range is not mapped. */
static int64_t range_mapped(uint64_t addr, uint64_t len)
{
	struct mapping_info info;
	uint64_t at = addr, end = addr + len;

	while (at < end) {
		if (tess_vspace_query(H_SELF, at, &info) < 0 || info.start > at)
			return -ENOMEM;
		at = info.end;
	}
	return 0;
}

int64_t sys_mremap(uint64_t addr, uint64_t old_len, uint64_t new_len, uint64_t flags, uint64_t new_addr)
{
	uint64_t native = 0;
	int64_t r;

	if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || addr & (PAGE_SIZE - 1) ||
	    new_len == 0 || ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || old_len != new_len))
		return -EINVAL;
	if (old_len > TASK_END || !range_ours(addr, PAGES(old_len)))
		return -EFAULT;
	if (new_len > TASK_END)
		return flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
	old_len = PAGES(old_len);
	new_len = PAGES(new_len);
	if (flags & MREMAP_FIXED) {
		if (new_addr & (PAGE_SIZE - 1) || !range_ours(new_addr, new_len) ||
		    (addr < new_addr + new_len && new_addr < addr + old_len))
			return range_mapped(addr, PAGE_SIZE) ? -EFAULT : -EINVAL;
		if (new_addr < LINUX_MMAP_LO)
			return -EPERM;
		native |= REMAP_FIXED;
	}
	if (old_len == 0)
		return -EINVAL;		/* a second mapping of shared memory: not supported */
	native |= (flags & MREMAP_MAYMOVE ? REMAP_MAY_MOVE : 0) | (flags & MREMAP_DONTUNMAP ? REMAP_KEEP : 0);
	r = tess_vspace_remap(H_SELF, addr, old_len, new_len, native, new_addr);
	if (r == E_NOENT && new_len < old_len && !range_mapped(addr, PAGE_SIZE)) {	/* the rest goes, whatever holes it has */
		tess_vspace_unmap(H_SELF, addr + new_len, old_len - new_len);
		old_len = new_len;
		r = tess_vspace_remap(H_SELF, addr, old_len, new_len, native, new_addr);
	}
	if (r == E_NOENT && new_len == old_len && !native && !range_mapped(addr, PAGE_SIZE))
		return (int64_t)addr;
	return r == E_NOENT ? -EFAULT : r == E_EXIST ? -ENOMEM : result(r);
}

/* --- brk --------------------------------------------------------------------------------------------------- */

static bool brk_move(struct task_state *s, uint64_t to)
{
	uint64_t end = PAGES(to), have = s->brk_mapped;

	if (end > have) {
		if (!range_ours(have, end - have) || tess_vspace_map(H_SELF, have, end - have, MAP_READ | MAP_WRITE |
		    MAP_FIXED_EMPTY, H_NONE, 0) < 0)
			return false;
	} else if (end < have && tess_vspace_unmap(H_SELF, end, have - end) < 0) {
		return false;
	}
	s->brk_mapped = end;
	s->brk = to;
	return true;
}

/* brk(2), the kernel's side: always answers where the break is. */
int64_t sys_brk(uint64_t to)
{
	struct task_state *s = self_state();
	int64_t now;

	if (to == 0)
		return (int64_t)s->brk;
	lock_take(&s->lock);
	if (to >= s->brk_start && to < LINUX_ZONE_LO)
		brk_move(s, to);
	now = (int64_t)s->brk;
	lock_give(&s->lock);
	return now;
}

/* --- advice --------------------------------------------------------------------------------------------------- */

static int64_t advice_native(uint64_t advice)
{
	switch ((int32_t)advice) {
	case MADV_DONTNEED: case MADV_FREE: return ADVISE_DROP;
	case MADV_DONTFORK: return ADVISE_INHERIT_NONE;
	case MADV_DOFORK: case MADV_KEEPONFORK: return ADVISE_INHERIT_COPY;
	case MADV_WIPEONFORK: return ADVISE_INHERIT_ZERO;
	case MADV_POPULATE_READ: return ADVISE_POPULATE_READ;
	case MADV_POPULATE_WRITE: return ADVISE_POPULATE_WRITE;
	case MADV_NORMAL: case MADV_RANDOM: case MADV_SEQUENTIAL: case MADV_WILLNEED: case MADV_MERGEABLE:
	case MADV_UNMERGEABLE: case MADV_HUGEPAGE: case MADV_NOHUGEPAGE: case MADV_DONTDUMP: case MADV_DODUMP:
	case MADV_COLD: case MADV_PAGEOUT:
		return 0;		/* advice that may be ignored */
	default: return -EINVAL;
	}
}

int64_t sys_madvise(uint64_t addr, uint64_t len, uint64_t advice)
{
	int64_t native = advice_native(advice), r;

	if (native < 0 || addr & (PAGE_SIZE - 1) || (len != 0 && PAGES(len) == 0) || addr + PAGES(len) < addr)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > TASK_END || !range_ours(addr, PAGES(len)))
		return -ENOMEM;
	len = PAGES(len);
	r = native ? tess_vspace_advise(H_SELF, addr, len, (uint64_t)native) : range_mapped(addr, len);
	return r == E_NOENT ? -ENOMEM : native ? result(r) : r;
}

/* Shared mappings ARE the file's pages: there is nothing to write to. */
int64_t sys_msync(uint64_t addr, uint64_t len, uint64_t flags)
{
	if ((uint32_t)flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & (PAGE_SIZE - 1) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (len > TASK_END || !range_ours(addr, PAGES(len)))
		return -ENOMEM;
	return range_mapped(addr, PAGES(len));
}

int64_t sys_mincore(uint64_t addr, uint64_t len, uint64_t vec)
{
	int64_t r;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > TASK_END || !range_ours(addr, PAGES(len)) || range_mapped(addr, PAGES(len)))
		return -ENOMEM;
	r = tess_vspace_resident(H_SELF, addr, PAGES(len), (void *)vec);
	return r == E_NOENT ? -ENOMEM : result(r);
}

/* --- locked memory: nothing is ever paged out here, so populating is all that locking means --------------------- */

static int64_t lock_pages(uint64_t addr, uint64_t len, bool populate)
{
	uint64_t start = addr & ~(PAGE_SIZE - 1);
	int64_t r;

	len = PAGES(len + (addr - start));		/* wraps, as Linux's does */
	if (start + len < start)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (!range_ours(start, len) || range_mapped(start, len))
		return -ENOMEM;
	r = populate ? tess_vspace_advise(H_SELF, start, len, ADVISE_POPULATE_READ) : 0;
	return r == E_NOMEM ? -EAGAIN : r < 0 ? -ENOMEM : 0;
}

int64_t sys_mlock(uint64_t addr, uint64_t len) { return lock_pages(addr, len, true); }
int64_t sys_munlock(uint64_t addr, uint64_t len) { return lock_pages(addr, len, false); }

int64_t sys_mlock2(uint64_t addr, uint64_t len, uint64_t flags)
{
	return (uint32_t)flags & ~1u ? -EINVAL : lock_pages(addr, len, !(flags & 1));
}

int64_t sys_mlockall(uint64_t flags)
{
	return (uint32_t)flags == 0 || (uint32_t)flags & ~7u || (uint32_t)flags == 4 ? -EINVAL : 0;
}

int64_t sys_munlockall(void) { return 0; }

/* --- the translator's own ------------------------------------------------------------------------------------------- */

/* Room in the zone, anonymous and read-write; align is a power of two. */
int64_t zone_map(uint64_t len, uint64_t align)
{
	struct task_state *s = self_state();
	int64_t r = E_EXIST;

	lock_take(&s->lock);
	for (int tries = 0; tries < 4096 && r == E_EXIST; tries++) {
		uint64_t at = (s->zone_next + align - 1) & ~(align - 1);

		if (at < LINUX_ZONE_LO || at + len > LINUX_ZONE_HI)
			at = LINUX_ZONE_LO;
		r = tess_vspace_map(H_SELF, at, len, MAP_READ | MAP_WRITE | MAP_FIXED_EMPTY, H_NONE, 0);
		s->zone_next = at + len;
	}
	lock_give(&s->lock);
	return r < 0 ? -ENOMEM : r;
}
