import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describePod, getPods, kubectlCommand } from './kubectl-command.ts';
import { parseVolumesView } from './volumes-view.ts';

describe('commands of kubectl', () => {
  test('describe one pod, and list pods by namespace, each once', () => {
    assert.equal(describePod('shop', 'web-1'), 'kubectl describe pod web-1 --namespace shop');
    assert.equal(
      getPods(['shop/web-1', 'data/db-0', 'shop/cart-1', 'shop/web-1']),
      'kubectl get pods --namespace shop web-1 cart-1\nkubectl get pods --namespace data db-0',
    );
  });

  test('list the pods of a table', () => {
    const commandOf = (query: string): string | undefined => kubectlCommand(parseVolumesView(query));
    assert.equal(commandOf('?namespace=shop'), 'kubectl get pods --namespace shop');
    assert.equal(
      commandOf('?node=worker-1&pod=web-1&label=team=core,team=pay,tier=front'),
      "kubectl get pods --all-namespaces --selector 'team in (core,pay),tier=front' " +
        '--field-selector metadata.name=web-1,spec.nodeName=worker-1',
    );
  });

  test('have no name that a shell or kubectl would take for something else', () => {
    for (const name of ['--server=https://evil', 'web;id', '$(id)', '']) {
      assert.equal(describePod('shop', name), undefined, name);
      assert.equal(describePod(name, 'web-1'), undefined, name);
      assert.equal(getPods([`shop/${name}`]), undefined, name);
      assert.equal(getPods([`shop/${name}`, 'shop/web-1']), 'kubectl get pods --namespace shop web-1');
      assert.equal(kubectlCommand(parseVolumesView(`?${new URLSearchParams({ pod: name }).toString()}`)), undefined);
    }
    const label = new URLSearchParams({ label: "team='; id; '" }).toString();
    assert.match(kubectlCommand(parseVolumesView(`?${label}`)) ?? '', /--selector 'team='\\''; id; '\\'''/);
  });

  test('are not offered for a filter that kubectl lacks', () => {
    for (const query of ['', '?namespace=sh*', '?namespace=shop,data', '?namespace=shop&state=failing', '?issuer=ca'])
      assert.equal(kubectlCommand(parseVolumesView(query)), undefined, query);
    assert.equal(kubectlCommand(parseVolumesView('?namespace=shop', '/at-risk')), undefined);
  });
});
