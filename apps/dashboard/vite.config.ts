import { defineConfig } from 'vite';
import { precompress } from './build/precompress.ts';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [precompress()],
  // For `vite dev` beside a controller of `npm start`.
  server: { proxy: { '/api': 'http://127.0.0.1:18080' } },
  build: {
    target: 'es2024',
    // The page's content security policy allows no data: URL but for images, so everything is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
