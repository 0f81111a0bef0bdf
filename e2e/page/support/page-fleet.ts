import { RenewingVolumes } from '../../fleet/support/renewing-volumes.ts';
import { ControllerFixture } from '../../fleet/support/controller-fixture.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { reportOf } from '../../fleet/support/volume-report.ts';
import type { ReportedVolume } from '../../fleet/support/volume-report.ts';
import { buildPage } from './built-page.ts';

/** Volumes by node and id. */
export type Fleet = Readonly<Record<string, Readonly<Record<string, ReportedVolume>>>>;

/** A controller that serves the page, and agents that report a fleet. */
export class PageFleet implements AsyncDisposable {
  readonly controller: ControllerFixture;
  readonly volumes: ReadonlyMap<string, RenewingVolumes>;

  private constructor(controller: ControllerFixture, volumes: ReadonlyMap<string, RenewingVolumes>) {
    this.controller = controller;
    this.volumes = volumes;
  }

  /** Resolves when the controller shows the whole fleet. */
  static async start(fleet: Fleet, flags: readonly string[] = ['--api-auth=none']): Promise<PageFleet> {
    buildPage();
    const controller = await ControllerFixture.start(Object.keys(fleet));
    await controller.startController(flags);
    const volumes = new Map<string, RenewingVolumes>();
    for (const [node, reported] of Object.entries(fleet)) {
      const own = new RenewingVolumes();
      for (const [id, volume] of Object.entries(reported)) {
        own.set(id, reportOf(id, volume));
        // Otherwise it would be renewed at once and no longer fail.
        if (volume.failure !== undefined) own.refuse(id);
      }
      controller.startAgent(own, node);
      volumes.set(node, own);
    }
    return new PageFleet(controller, volumes);
  }

  /** Waits until the API, without sign-in, shows that many volumes. */
  async untilShown(count: number): Promise<void> {
    await eventually(`${count} volumes to be shown`, async () => {
      return (await this.controller.api<{ readonly total?: number }>('volumes?limit=1')).total === count;
    });
  }

  get url(): string {
    return this.controller.url;
  }

  on(node: string): RenewingVolumes {
    const volumes = this.volumes.get(node);
    if (volumes === undefined) throw new Error(`no node ${node} in the fleet`);
    return volumes;
  }

  /** Renewals of all nodes, by volume id. */
  get renewed(): readonly string[] {
    return [...this.volumes.values()].flatMap(({ renewals }) => renewals.map(({ volumeId }) => volumeId)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller[Symbol.asyncDispose]();
  }
}
