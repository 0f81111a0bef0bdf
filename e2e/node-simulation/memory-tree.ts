import { constants } from 'node:os';

/** A file, directory or symbolic link of the simulated node. */
export interface Inode {
  readonly kind: 'file' | 'directory' | 'link';
  readonly isTmpfs: boolean;
  mode: number;
  gid: number;
  content: Buffer;
  readonly entries: Map<string, Inode>;
  readonly target: string;
  /** The volume that it belongs to, from the original name of its directory. Stays through every rename. */
  owner: string | undefined;
}

/** The result of a path lookup: the directory of the last name, and the entry. */
export interface Found {
  readonly parent: Inode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

const blockBytes = 4096;
const maxLinks = 40;

/** A system error in the form of Node's file calls. */
export function systemError(code: string, call: string, path: string): NodeJS.ErrnoException {
  const errno = -((constants.errno as Record<string, number>)[code] ?? 5);
  return Object.assign(new Error(`${code}: simulated, ${call} '${path}'`), { code, errno, syscall: call, path });
}

/** The files of a node: a disk, and a tmpfs of limited size mounted at one of its directories. */
export class MemoryTree {
  readonly root: Inode = newInode('directory', 0o755);
  readonly tmpfsPath: string;
  /** Size limit of the tmpfs in bytes. */
  tmpfsBytes: number;
  #usedBytes = 0;
  /** Mount points, which cannot be removed or renamed. */
  readonly busy = new Set<Inode>();

  constructor(tmpfsPath: string, tmpfsBytes: number) {
    this.tmpfsPath = tmpfsPath;
    this.tmpfsBytes = tmpfsBytes;
    const names = tmpfsPath.split('/').slice(1);
    let directory = this.root;
    for (const name of names.slice(0, -1)) {
      const next = newInode('directory', 0o755);
      directory.entries.set(name, next);
      directory = next;
    }
    directory.entries.set(names.at(-1) ?? '', tmpfsRoot());
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** As after a reboot: the tmpfs is empty. */
  clearTmpfs(): void {
    const { parent, name } = this.find(this.tmpfsPath, 'clear');
    parent.entries.set(name, tmpfsRoot());
    this.#usedBytes = 0;
  }

  /** Looks up a path; `follow` says whether a link at its end is followed. */
  find(path: string, call: string, follow = false, depth = 0): Found {
    if (depth > maxLinks) throw systemError('ELOOP', call, path);
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    let parent = this.root;
    let walked = '';
    for (const [index, name] of names.entries()) {
      const inode = parent.entries.get(name);
      const isLast = index === names.length - 1;
      if (isLast && !(follow && inode?.kind === 'link')) return { parent, name, inode };
      if (inode?.kind === 'link') {
        const base = inode.target.startsWith('/') ? inode.target : `${walked}/${inode.target}`;
        return this.find([base, ...names.slice(index + 1)].join('/'), call, follow, depth + 1);
      }
      parent = directoryAt(inode, call, path);
      walked += `/${name}`;
    }
    return { parent, name: '', inode: parent };
  }

  /** The entry at a path; throws ENOENT when there is none. */
  get(path: string, call: string, follow = false): Inode {
    const { inode } = this.find(path, call, follow);
    if (inode === undefined) throw systemError('ENOENT', call, path);
    return inode;
  }

  add({ parent, name }: Found, inode: Inode): void {
    parent.entries.set(name, inode);
    this.#usedBytes += usage(inode);
    this.#setOwner(parent, name, inode);
  }

  remove({ parent, name, inode }: Found): void {
    parent.entries.delete(name);
    if (inode !== undefined) this.#usedBytes -= usage(inode);
  }

  /** Moves an entry over the target, which must have been checked. */
  move(from: Found, to: Found): void {
    if (from.inode === undefined) return;
    if (to.inode !== undefined) this.remove(to);
    from.parent.entries.delete(from.name);
    to.parent.entries.set(to.name, from.inode);
    this.#setOwner(to.parent, to.name, from.inode);
  }

  write(inode: Inode, content: Buffer, path: string): void {
    const grown = inode.isTmpfs ? blocks(content.length) - blocks(inode.content.length) : 0;
    if (grown > 0 && this.#usedBytes + grown > this.tmpfsBytes) throw systemError('ENOSPC', 'write', path);
    inode.content = content;
    this.#usedBytes += grown;
  }

  /** The paths of all inodes of that owner on the tmpfs. */
  ownedBy(owner: string): string[] {
    const found: string[] = [];
    const visit = (inode: Inode, path: string): void => {
      if (inode.owner === owner) found.push(path);
      for (const [name, child] of inode.entries) visit(child, `${path}/${name}`);
    };
    visit(this.get(this.tmpfsPath, 'stat'), '');
    return found;
  }

  #setOwner(parent: Inode, name: string, inode: Inode): void {
    if (parent.owner !== undefined) mark(inode, parent.owner);
    else if (isTmpfsRoot(parent) && !name.startsWith('..')) mark(inode, name);
  }
}

function directoryAt(inode: Inode | undefined, call: string, path: string): Inode {
  if (inode === undefined) throw systemError('ENOENT', call, path);
  if (inode.kind !== 'directory') throw systemError('ENOTDIR', call, path);
  return inode;
}

/** A new inode on the same file system as its parent. */
export function newInode(kind: Inode['kind'], mode: number, parent?: Inode, target = ''): Inode {
  const isTmpfs = parent?.isTmpfs ?? false;
  return { kind, isTmpfs, mode, gid: 0, content: Buffer.alloc(0), entries: new Map(), target, owner: undefined };
}

const tmpfsRoots = new WeakSet<Inode>();

function tmpfsRoot(): Inode {
  const inode = { ...newInode('directory', 0o700), isTmpfs: true };
  tmpfsRoots.add(inode);
  return inode;
}

function isTmpfsRoot(inode: Inode): boolean {
  return tmpfsRoots.has(inode);
}

function mark(inode: Inode, owner: string): void {
  inode.owner = owner;
  for (const child of inode.entries.values()) mark(child, owner);
}

function blocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

function usage(inode: Inode): number {
  if (!inode.isTmpfs) return 0;
  let bytes = blocks(inode.content.length);
  for (const child of inode.entries.values()) bytes += usage(child);
  return bytes;
}
