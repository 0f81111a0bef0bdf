import { useEffect, useState } from 'preact/hooks';
import type { Store } from './store.ts';

/** The value of something that tells when it changed; the component is drawn again with it. */
export function useFollowed<T>(listen: (listener: () => void) => () => void, read: () => T): T {
  const [value, setValue] = useState(read);
  useEffect(() => {
    const update = (): void => setValue(read);
    // It may have changed between the first drawing and now.
    update();
    return listen(update);
    // The sources are made once and live as long as the page.
  }, []);
  return value;
}

/** The value of a store. */
export function useStore<T>(store: Store<T>): T {
  return useFollowed(store.listen, () => store.value);
}
