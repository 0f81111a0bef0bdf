// controller runs cert-manager's own control loops without its chart: the
// CertificateRequest approver and signers, the Certificate controllers, and
// those that keep Issuers and ClusterIssuers ready.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
)

func main() {
	opts := controller.ContextOptions{
		KubernetesAPIQPS:   500,
		KubernetesAPIBurst: 1000,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: "cert-manager"},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/"},
			CertificateRequestMinimumBackoffDuration: time.Hour,
			CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
		},
	}
	flag.StringVar(&opts.Kubeconfig, "kubeconfig", "", "path to the kubeconfig")
	names := flag.String("controllers", "*", "comma separated names of the controllers to run; * for all, -name to leave one out")
	withoutApprover := flag.Bool("without-approver", false, "leave the CertificateRequest approver out")
	gates := flag.String("feature-gates", "", "comma separated name=bool pairs")
	health := flag.String("health-address", "127.0.0.1:9403", "answers /readyz with 200 once every informer has synced")
	klog.InitFlags(nil)
	flag.Parse()

	wanted := strings.Split(*names, ",")
	if *withoutApprover {
		wanted = append(wanted, "-"+approver.ControllerName)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := utilfeature.DefaultMutableFeatureGate.Set(*gates); err != nil {
		fail(err)
	}
	if err := run(ctx, opts, wanted, *health); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// enabled reads the list as upstream's --controllers does.
func enabled(name string, wanted []string) bool {
	return (slices.Contains(wanted, "*") || slices.Contains(wanted, name)) && !slices.Contains(wanted, "-"+name)
}

func run(ctx context.Context, opts controller.ContextOptions, wanted []string, health string) error {
	factory, err := controller.NewContextFactory(ctx, opts)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, construct := range controller.Known() {
		if !enabled(name, wanted) {
			continue
		}
		loop, err := construct(factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		klog.InfoS("starting controller", "name", name)
		group.Go(func() error { return loop.Run(5, ctx) })
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	group.Go(func() error {
		shared.SharedInformerFactory.WaitForCacheSync(ctx.Done())
		shared.KubeSharedInformerFactory.WaitForCacheSync(ctx.Done())
		return serveHealth(ctx, health)
	})
	return group.Wait()
}

// serveHealth starts to listen only now, so a connection is the answer.
func serveHealth(ctx context.Context, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
