/** Blocks of commands that no test runs unchanged, each with the reason. */
export const commandsNotRun: Readonly<Record<string, string>> = {
  'README.md: npm start': 'scripts/single-machine/start.test.ts runs what it starts',
  'README.md: helm install certfleet ./helm/certfleet --namespace cert-manager':
    'the first step of this suite, in a separate namespace',
  'README.md: npm test': 'it runs this test',
  'docs/benchmarks.md: npm run bench                                             # all of it, about half an hour; needs root':
    'takes half an hour',
  'docs/benchmarks.md: npm run bench -- --only dispatch --only redis-lost --only controller-memory --only simulation':
    'takes minutes',
  "docs/ca-rotation.md: certfleet rotations start corporate-2027 --from old-ca.pem --to new-ca.pem --reason 'the CA expires in 2027' --hold-before Retire":
    'needs the CAs of an issuer; e2e/fleet/rotations.test.ts starts a rotation by the API',
  'docs/ca-rotation.md: certfleet rotations approve corporate-2027 --phase Retire':
    'names the rotation of the block above it; e2e/fleet/rotations.test.ts approves a phase by the API',
  'docs/ca-rotation.md: certfleet rotations show corporate-2027':
    'names the rotation of a block above it; e2e/node/fleet/ca-rotation.ts runs the command for its rotation',
  'docs/ca-rotation.md: kubectl get carotations': 'e2e/fleet/rotations.test.ts runs the first and checks its columns',
  'docs/runbook.md: kubectl get carotations': 'e2e/fleet/rotations.test.ts runs the first and checks its columns',
  'docs/ca-rotation.md: certfleet rotations resume proposed-3f2a':
    'names a rotation that the controller proposes; e2e/fleet/rotations.test.ts resumes one by the API',
  'docs/runbook.md: kubectl get carotations -l certfleet.io/proposed':
    'e2e/fleet/rotations.test.ts runs the first and checks what it names',
  'docs/runbook.md: kubectl get renewals':
    'needs a renewal that has stopped; e2e/page/suites/renewals.ts stops one and resumes it',
  'docs/runbook.md: certfleet renew --resume=$RENEWAL':
    'needs a renewal that has stopped; e2e/page/suites/renewals.ts stops one and resumes it',
  'docs/runbook.md: kubectl get renewal $RENEWAL -o wide':
    'needs a renewal with a canary; e2e/page/suites/renewals.ts approves one',
  'docs/runbook.md: certfleet renew --approve=$RENEWAL':
    'needs a renewal with a canary; e2e/page/suites/renewals.ts approves one',
  'docs/pod-certificates.md: kubectl get podcertificatesigners -o wide':
    'the signer is off in this suite; e2e/fleet/pod-certificates.test.ts reads the condition that it shows',
  "docs/runbook.md: kubectl -n $NS logs -l app.kubernetes.io/component=pod-certificate-signer --prefix --tail=-1 --since=1h | grep 'without the lane'":
    'the signer is off in this suite; e2e/fleet/shared-lane.test.ts checks that it leaves the lane and returns',
  'docs/runbook.md: certfleet pod-certificates --state=overdue,expired':
    'pod certificates are off in this suite; e2e/fleet/pod-certificates.test.ts lists them',
  'docs/runbook.md: certfleet pod-certificates --state=denied,failed':
    'pod certificates are off in this suite; e2e/fleet/pod-certificates.test.ts lists a denied one',
  'docs/runbook.md: certfleet pod-certificates --state=overdue':
    'pod certificates are off in this suite; pod-certificate-collector.test.ts causes the reasons',
  'docs/installation.md: for app in node-agent renewal-controller; do':
    'needs docker; the same Dockerfile is built by buildah for each cluster, and by docker in e2e/compose',
  'docs/installation.md: helm install certfleet helm/certfleet --namespace cert-manager --create-namespace --set imageRegistry=registry.example.com --wait':
    'the first step of this suite, without an external registry',
  'docs/installation.md: kubectl -n cert-manager create token my-account':
    'runs until it is interrupted; the block before runs both commands',
  'docs/migration.md: helm get values cert-manager-csi-driver --namespace cert-manager --output yaml > values.yaml':
    'needs a release of the other chart; e2e/node/suites/take-over.ts takes over from csi-driver itself',
  'docs/migration.md: helm uninstall cert-manager-csi-driver --namespace cert-manager':
    'needs a release of the other chart; e2e/node/suites/take-over.ts takes over from csi-driver itself',
  'docs/migration.md: umount /tmp/cert-manager-csi-driver/inmemfs && rm -r /tmp/cert-manager-csi-driver':
    'needs the directory of the other driver; e2e/node/suites/take-over.ts ends with its removal',
  'docs/installation.md: kubectl --namespace cert-manager delete secret certfleet-redis':
    'would end the sessions of the other steps; e2e/chart/install.test.ts deletes the Secret and creates it again',
  'docs/installation.md: kubectl --namespace cert-manager annotate secret certfleet-redis argocd.argoproj.io/sync-options=Prune=false \\':
    'needs a release of an earlier chart and Argo CD',
  'docs/migration.md: helm upgrade certfleet helm/certfleet --namespace cert-manager --reuse-values --set app.driver.handOver.enabled=true':
    'needs the repository of the other chart; e2e/agent/take-over.test.ts hands volumes over and takes them back',
  'docs/migration.md: helm uninstall certfleet --namespace cert-manager': 'needs the repository of the other chart',
  'docs/installation.md: ln -s "$PWD/cli/certfleet.js" ~/.local/bin/kubectl-certfleet':
    'changes the home directory; apps/renewal-controller/src/cli/program-name.test.ts runs such a link',
  'docs/new-nodes.md: helm upgrade certfleet helm/certfleet --namespace cert-manager --reuse-values --set app.driver.startupTaint.enabled=true':
    'e2e/api/suites/startup-taint.ts applies what the chart renders with this value',
  'docs/new-nodes.md: aws eks create-nodegroup … --taints key=certfleet.io/agent-not-ready,value=true,effect=NO_SCHEDULE':
    'needs a cluster of EKS',
  'docs/new-nodes.md: gcloud container node-pools create … --node-taints=certfleet.io/agent-not-ready=true:NoSchedule':
    'needs a cluster of GKE',
  "docs/runbook.md: kubectl -n $NS logs -l app.kubernetes.io/component=renewal-controller --prefix --tail=-1 --since=1h | grep 'objects'":
    'the fault stops every renewal of the cluster; e2e/api/suites/lane-policy.ts causes it and checks the log line',
  'docs/lanes.md: kubectl wait renewal/corporate-ca-2026 --for=condition=Complete --timeout=1h':
    'names the object of the example above it; e2e/fleet/support/renewal-suite.ts waits for this condition',
  'docs/runbook.md: kubectl get events -A --field-selector reason=ReloadFailed':
    'e2e/node/suites/reload.ts causes the Event and reads it',
  'docs/runbook.md: kubectl get events -A --field-selector reason=CertificateRolloutBlocked':
    'e2e/fleet/support/pod-events-suite.ts causes the Event and reads it',
  'docs/runbook.md: kubectl delete node $NODE':
    'the cluster has one node; e2e/fleet/controller.test.ts removes a node from the cluster',
  'examples/token-request/README.md: helm upgrade --install cert-manager jetstack/cert-manager --namespace cert-manager --create-namespace \\':
    'needs the repositories of other charts; e2e/cluster/cluster.test.ts runs approver-policy',
  'examples/token-request/README.md: helm upgrade --install certfleet helm/certfleet --namespace cert-manager --set app.driver.useTokenRequest=true':
    'e2e/node/suites/token-request.ts installs the chart with this value',
  'examples/token-request/README.md: kubectl apply -f examples/token-request/policy.yaml':
    'e2e/node/suites/token-request.ts applies these files and checks each pod',
  'docs/runbook.md: kubectl -n $NS get pods -l app.kubernetes.io/component=pod-certificate-signer':
    'the signer is off in this suite; e2e/node/suites/pod-certificates.ts reads its log',
  'docs/runbook.md: kubectl get podcertificatesigners -o wide':
    'the signer is off in this suite; e2e/node/suites/pod-certificates.ts reads the condition that it shows',
};
