// Sign-in to the page with tokens of a real API server: rights of a viewer and an operator, and the end of a session.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Cluster } from '../../cluster/cluster.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

const namespace = 'certfleet';
let cluster: Cluster;
let browser: PageBrowser;
let fleet: PageFleet;

function account(name: string): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

function granted(name: string, verbs: readonly string[]): object[] {
  const rules = [{ apiGroups: ['certfleet.io'], resources: ['volumes'], verbs }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef,
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ];
}

async function tokenOf(name: string): Promise<string> {
  return (await cluster.kubectl(['create', 'token', name, '-n', namespace])).stdout.trim();
}

/** Opens a view as a user, including the sign-in. */
async function openAs(name: string, path: string): Promise<Page> {
  const page = await browser.open(`${fleet.url}${path}`);
  await signIn(page, await tokenOf(name));
  return page;
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Kubernetes token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Sign-in to the page. */
export function signInSuite(context: () => Cluster): void {
  describe('sign-in to the page', { concurrency: false }, () => {
    before(async () => {
      cluster = context();
      await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
      await cluster.apply(['nobody', 'viewer', 'operator', 'leaving'].map(account));
      await cluster.apply([
        ...granted('viewer', ['view']),
        ...granted('operator', ['view', 'renew']),
        ...granted('leaving', ['view']),
      ]);
      const kubeconfig = await cluster.localKubeconfig();
      fleet = await PageFleet.start(exampleFleet, [`--kubeconfig=${kubeconfig}`]);
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('without a session only the sign-in form is shown, which then returns to the requested view', async () => {
      const page = await browser.open(`${fleet.url}/volumes?namespace=shop`);
      await page.getByText('kubectl create token').waitFor();
      assert.equal(new URL(page.url()).pathname, '/sign-in');
      await signIn(page, 'nonsense');
      await page.getByRole('alert').getByText('rejects this token').waitFor();
      await signIn(page, await tokenOf('viewer'));
      await page.locator('tbody tr').nth(2).waitFor();
      assert.equal(page.url(), `${fleet.url}/volumes?namespace=shop`);
    });

    test('an account without the view permission is told what it lacks', async () => {
      const page = await openAs('nobody', '/');
      await page.getByRole('alert').getByText('needs the verb view').waitFor();
    });

    test('a viewer can read but not renew, neither on the page nor through the API', async () => {
      const page = await openAs('viewer', '/volumes/worker-1/csi-web');
      const button = page.getByRole('button', { name: 'Renew now' });
      await button.waitFor();
      assert.equal(await button.getAttribute('aria-disabled'), 'true');
      // A user can click a disabled-looking button; Playwright would wait for it to be enabled.
      await button.click({ force: true });
      await page.getByRole('status').getByText('needs the verb renew').waitFor();
      assert.equal(await page.getByRole('dialog').count(), 0);
      await page.getByText('view only').waitFor();
      const status = await page.evaluate<number>(`fetch('/api/v1/renewals', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-certfleet': 'page' },
    body: JSON.stringify({ selection: {}, everything: true, reason: 'x' }),
  }).then(({ status }) => status)`);
      assert.equal(status, 403);
      assert.deepEqual(fleet.renewed, []);
    });

    test('an operator renews, and is named in the audit log', async () => {
      const page = await openAs('operator', '/volumes/worker-1/csi-cart');
      await page.getByRole('button', { name: 'Renew now' }).click();
      await page.getByLabel('Reason').fill('rotation');
      await page.getByRole('button', { name: 'Renew 1 volume' }).click();
      await eventually('the volume to be renewed', () => fleet.renewed.includes('csi-cart'));
      await page.getByRole('link', { name: 'Audit' }).click();
      const row = page.locator('tbody tr', { hasText: 'rotation' });
      await row.getByText(`system:serviceaccount:${namespace}:operator`).waitFor();
    });

    test('an ended session leads to the sign-in and back to the previous view', async () => {
      const page = await openAs('operator', '/volumes?namespace=data');
      await page.locator('tbody tr').nth(1).waitFor();
      // Like an expiry: the server no longer accepts the session.
      await page.context().clearCookies();
      await page.getByText('Your session has ended').waitFor({ timeout: 40_000 });
      await signIn(page, await tokenOf('operator'));
      await page.locator('tbody tr').nth(1).waitFor();
      assert.equal(page.url(), `${fleet.url}/volumes?namespace=data`);
    });

    test('a session that ends in a dialog keeps its reason and the selection', async () => {
      const page = await openAs('operator', '/volumes?sort=pod');
      await page.getByLabel('Select worker-2/csi-db').check();
      await page.getByRole('button', { name: 'Renew selected' }).click();
      await page.getByLabel('Reason').fill('a long reason');
      await page.context().clearCookies();
      await page.getByText('Your session has ended').waitFor({ timeout: 40_000 });
      await page.getByLabel('Reason').waitFor({ state: 'hidden' });
      await signIn(page, await tokenOf('operator'));
      assert.equal(await page.getByLabel('Reason').inputValue(), 'a long reason');
      await page.getByRole('button', { name: 'Renew 1 volume' }).click();
      await eventually('the volume to be renewed', () => fleet.renewed.includes('csi-db'));
    });

    test('signing out ends the session', async () => {
      const page = await openAs('viewer', '/');
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      const cookies = await page.context().cookies();
      assert.deepEqual(
        cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite]),
        [[true, 'Strict']],
      );
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Kubernetes token').waitFor();
      await eventually('a title without a verdict', async () => (await page.title()) === 'Sign in · certfleet');
      await page.context().addCookies(cookies);
      await page.goto(`${fleet.url}/volumes`);
      await page.getByLabel('Kubernetes token').waitFor();
    });

    test('neither tokens nor sessions are in the log', async () => {
      const token = await tokenOf('viewer');
      const page = await browser.open(`${fleet.url}/`);
      await signIn(page, token);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      const [cookie] = await page.context().cookies();
      const log = fleet.controller.log.join('');
      assert.ok(!log.includes(token) && cookie !== undefined && !log.includes(cookie.value));
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
