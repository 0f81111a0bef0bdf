import { existsSync } from 'node:fs';

/** Lists the IPv6 addresses of this machine; absent if the kernel was started without IPv6. */
const ipv6Addresses = '/proc/net/if_inet6';

/** The wildcard address: `::`, which also accepts IPv4, or `0.0.0.0` if the kernel has no IPv6. */
export function anyAddress(list = ipv6Addresses): '::' | '0.0.0.0' {
  return existsSync(list) ? '::' : '0.0.0.0';
}

/** --fleet-bind-address in gRPC syntax: `127.0.0.1:8443`, `[::]:8443` for `:8443`, `unix:/path` for `unix:///path`. */
export function grpcAddress(flag: string, any = anyAddress()): string {
  if (flag.startsWith(':')) return (any === '::' ? '[::]' : any) + flag;
  return flag.replace(/^unix:\/\//, 'unix:');
}
