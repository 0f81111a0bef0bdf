{{/* Name of the chart's objects; the release's name is left out because there is one driver per name and cluster. */}}
{{- define "certfleet.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that select; never change them, a DaemonSet's selector is immutable. Call with (list $ component). */}}
{{- define "certfleet.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "certfleet.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object; the user's win over the chart's, but not over those that select. Call with (list $ component). */}}
{{- define "certfleet.labels" -}}
{{- $root := index . 0 -}}
{{- $chart := printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/part-of" "certfleet" "helm.sh/chart" $chart -}}
{{- $fixed := include "certfleet.selectorLabels" . | fromYaml -}}
{{- $_ := set $fixed "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- toYaml (mergeOverwrite $own $root.Values.commonLabels $fixed) -}}
{{- end -}}

{{/* "true" when the values name the image of cert-manager's csi-driver, as a values file of its chart does. */}}
{{- define "certfleet.namesUpstreamImage" -}}
{{- $path := .Values.image.repository | default .Values.image.name -}}
{{- if eq (base $path) "cert-manager-csi-driver" -}}true{{- end -}}
{{- end -}}

{{/*
The agent's image: repository (behind image.registry), or registry/namespace/name; then :tag and @digest, where the tag
alone defaults to the appVersion. Of a values file that names the image of cert-manager's csi-driver only the registry is
kept, and only if it is not the one of that image: a mirror is the user's choice; path and version can only be wrong here.
*/}}
{{- define "certfleet.image" -}}
{{- $isUpstream := include "certfleet.namesUpstreamImage" . -}}
{{- $image := .Values.image -}}
{{- $parts := list -}}
{{- if $isUpstream -}}
  {{- $registry := ternary "" .Values.imageRegistry (eq .Values.imageRegistry "quay.io") -}}
  {{- $namespace := ternary "certfleet" .Values.imageNamespace (eq .Values.imageNamespace "jetstack") -}}
  {{- $image = dict "tag" "" "digest" "" -}}
  {{- $parts = list $registry $namespace "node-agent" -}}
{{- else if $image.repository -}}
  {{- $parts = list $image.registry $image.repository -}}
{{- else -}}
  {{- $parts = list $image.registry .Values.imageRegistry .Values.imageNamespace $image.name -}}
{{- end -}}
{{- join "/" (compact $parts) -}}
{{- if or $image.tag (not $image.digest) -}}:{{ $image.tag | default .Chart.AppVersion }}{{- end -}}
{{- with $image.digest -}}@{{ . }}{{- end -}}
{{- end -}}

{{/* "true" where the agent may need the right to use a SecurityContextConstraints. */}}
{{- define "certfleet.openshift" -}}
{{- $enabled := toString .Values.openshift.securityContextConstraint.enabled -}}
{{- if or (eq $enabled "true") (and (eq $enabled "detect") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) -}}
true
{{- end -}}
{{- end -}}

{{/* Folder of the driver's socket, on the host. */}}
{{- define "certfleet.pluginDir" -}}
{{ trimSuffix "/" .Values.app.kubeletRootDir }}/plugins/{{ .Values.app.driver.name }}
{{- end -}}

{{/* Where the container sees the directory to take over from; the same mount when both drivers share one. */}}
{{- define "certfleet.adoptFrom" -}}
{{- $driver := .Values.app.driver -}}
{{- if eq (trimSuffix "/" $driver.csiDataDir) (trimSuffix "/" $driver.takeOver.csiDataDir) -}}
/csi-data-dir
{{- else -}}
/take-over
{{- end -}}
{{- end -}}


{{/* Name of what belongs to the controller, and of its Redis. */}}
{{- define "certfleet.controllerName" -}}
{{ include "certfleet.name" . | trunc 52 | trimSuffix "-" }}-controller
{{- end -}}
{{- define "certfleet.redisName" -}}
{{ include "certfleet.name" . | trunc 52 | trimSuffix "-" }}-redis
{{- end -}}

{{/* Name of what belongs to the pod certificate signer. */}}
{{- define "certfleet.signerName" -}}
{{ include "certfleet.name" . | trunc 40 | trimSuffix "-" }}-pod-certificate-signer
{{- end -}}

{{/* Fails where the controller could not tell the agents apart, and where it would have two Redis or none. */}}
{{- define "certfleet.checkController" -}}
{{- if semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version -}}
{{- fail "controller.enabled: agents prove their node by tokens that name it, which Kubernetes makes since 1.30; set controller.enabled to false on an older one" -}}
{{- end -}}
{{- $api := .Values.controller.api -}}
{{- if and (eq $api.auth "proxy") (not $api.proxy.secretRef.name) -}}
{{- fail "controller.api.proxy.secretRef: expected the Secret by which the proxy proves itself, since controller.api.auth is proxy" -}}
{{- end -}}
{{- $redis := .Values.controller.redis -}}
{{- if and $redis.install $redis.external.url -}}
{{- fail "controller.redis.external.url: set controller.redis.install to false when a Redis of your own is to be used" -}}
{{- end -}}
{{- if not (or $redis.install $redis.external.url) -}}
{{- fail "controller.redis.external.url: expected the URL of your Redis, since controller.redis.install is false" -}}
{{- end -}}
{{- end -}}

{{/* The controller's image. */}}
{{- define "certfleet.controllerImage" -}}
{{- include "certfleet.componentImage" (list . .Values.controller.image) -}}
{{- end -}}

{{/* The pod certificate signer's image. */}}
{{- define "certfleet.signerImage" -}}
{{- include "certfleet.componentImage" (list . .Values.podCertificateSigner.image) -}}
{{- end -}}

{{/* A component's image, from the same registry and namespace as the agent's. Call with (list $ image). */}}
{{- define "certfleet.componentImage" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $isUpstream := include "certfleet.namesUpstreamImage" $root -}}
{{- $registry := ternary "" $root.Values.imageRegistry (and (eq $isUpstream "true") (eq ($root.Values.imageRegistry | default "") "quay.io")) -}}
{{- $namespace := ternary "certfleet" $root.Values.imageNamespace (and (eq $isUpstream "true") (eq ($root.Values.imageNamespace | default "") "jetstack")) -}}
{{- $path := ternary (list $image.repository) (list $registry $namespace $image.name) (not (empty $image.repository)) -}}
{{- join "/" (compact $path) -}}
{{- if or $image.tag (not $image.digest) -}}:{{ $image.tag | default $root.Chart.AppVersion }}{{- end -}}
{{- with $image.digest -}}@{{ . }}{{- end -}}
{{- end -}}

{{/* "true" if the Secret of Redis' password is created at run time. */}}
{{- define "certfleet.makesRedisSecret" -}}
{{- $controller := .Values.controller -}}
{{- and $controller.enabled $controller.redis.install (not $controller.redis.existingSecret) -}}
{{- end -}}

{{/* Secret of Redis' password: the one that is created at run time, or the operator's. */}}
{{- define "certfleet.redisSecretName" -}}
{{ .Values.controller.redis.existingSecret | default (include "certfleet.redisName" .) }}
{{- end -}}

{{/* Who the agents are to a NetworkPolicy: their pods, or anybody when they use their nodes' addresses. */}}
{{- define "certfleet.fromAgents" -}}
{{- if .Values.hostNetwork -}}
# Agents in their nodes' network are no pods to a policy; tokens and passwords tell who they are.
from: []
{{- else -}}
from:
  - podSelector:
      matchLabels:
        {{- include "certfleet.selectorLabels" (list $ "node-agent") | nindent 8 }}
{{- end }}
{{- end -}}

{{/* Bytes of a Kubernetes quantity, as a number without an exponent. */}}
{{- define "certfleet.bytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+([eE][+-]?[0-9]+)?" $text -}}
{{- $units := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- printf "%.3f" (mulf (float64 $number) (get $units (trimPrefix $number $text))) -}}
{{- end -}}

{{/* Bytes of a size as Redis writes it. */}}
{{- define "certfleet.redisBytes" -}}
{{- include "certfleet.bytes" (. | replace "kb" "Ki" | replace "mb" "Mi" | replace "gb" "Gi") -}}
{{- end -}}

{{/* Seconds of a duration of Go's or Prometheus' syntax. */}}
{{- define "certfleet.seconds" -}}
{{- $units := dict "ns" 1e-9 "us" 1e-6 "µs" 1e-6 "μs" 1e-6 "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 "w" 604800.0 "y" 31536000.0 -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ns|us|µs|μs|ms|s|m|h|d|w|y)" . -1 -}}
{{- $number := regexFind "^[0-9.]+" . -}}
{{- $total = addf $total (mulf (float64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- printf "%.6f" $total -}}
{{- end -}}

{{/*
Directories that the agent's tmpfs may still be mounted in, as a YAML list: those of the values, and those that the
installed DaemonSet has. Without the latter an upgrade that changes csiDataDir would leave running pods behind.
*/}}
{{- define "certfleet.previousDataDirs" -}}
{{- $found := list -}}
{{- range .Values.app.driver.previousDataDirs -}}
{{- $found = append $found (trimSuffix "/" .) -}}
{{- end -}}
{{- $installed := lookup "apps/v1" "DaemonSet" .Release.Namespace (include "certfleet.name" .) -}}
{{- range dig "spec" "template" "spec" "volumes" list ($installed | default dict) -}}
{{- if or (eq .name "csi-data-dir") (hasPrefix "previous-data-dir-" .name) -}}
{{- $found = append $found (trimSuffix "/" .hostPath.path) -}}
{{- end -}}
{{- end -}}
{{- toYaml (without (uniq $found) (trimSuffix "/" .Values.app.driver.csiDataDir)) -}}
{{- end -}}
