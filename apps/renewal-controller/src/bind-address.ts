import { existsSync } from 'node:fs';

/** Lists the addresses of IPv6; a kernel that was started without it has no such file. */
const ipv6Addresses = '/proc/net/if_inet6';

/**
 * The address that stands for all of this machine's: `::`, which takes IPv4 as well, or `0.0.0.0` where the kernel knows
 * no IPv6 and would refuse the other.
 */
export function anyAddress(list = ipv6Addresses): '::' | '0.0.0.0' {
  return existsSync(list) ? '::' : '0.0.0.0';
}

/** --fleet-bind-address as gRPC names it: `127.0.0.1:8443`, `[::]:8443` for `:8443`, `unix:/path` for `unix:///path`. */
export function grpcAddress(flag: string, any = anyAddress()): string {
  if (flag.startsWith(':')) return (any === '::' ? '[::]' : any) + flag;
  return flag.replace(/^unix:\/\//, 'unix:');
}
