import { defineConfig } from 'vite';
import { precompress } from './build/precompress.ts';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [precompress()],
  // For `vite dev` with the controller of `npm start`.
  server: { proxy: { '/api': 'http://127.0.0.1:18080' } },
  build: {
    target: 'es2024',
    // The page's content security policy allows data: URLs only for images, so everything else is a separate file.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
