/** BullMQ's own Lua scripts, which it publishes but has no declarations for. */
declare module 'bullmq/dist/cjs/scripts/index.js' {
  const scripts: Readonly<Record<string, { readonly content: string } | undefined>>;
  export default scripts;
}
