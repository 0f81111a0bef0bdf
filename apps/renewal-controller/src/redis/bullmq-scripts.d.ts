/** BullMQ exports its Lua scripts without type declarations. */
declare module 'bullmq/dist/cjs/scripts/index.js' {
  const scripts: Readonly<Record<string, { readonly content: string } | undefined>>;
  export default scripts;
}
