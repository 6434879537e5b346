import { NAMESPACE } from "../layout.ts";

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
  readonly securityContext?: object;
  readonly [key: string]: unknown;
}

/** The part of a Pod that the gate act reads and writes. */
export interface Pod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly ephemeralContainers?: readonly Container[];
    readonly volumes?: readonly object[];
    readonly [key: string]: unknown;
  };
}

/** A pod that meets every rule when its image does: what a ReplicaSet of a good Deployment creates. */
export function goodPod(image: string): Pod {
  const limits = { cpu: "100m", memory: "64Mi" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "shop-7d9c5", namespace: NAMESPACE, labels: { app: "shop", owner: "team-shop" } },
    spec: {
      serviceAccountName: "web",
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "shop",
          image,
          ports: [{ name: "http", containerPort: 8080 }],
          resources: { requests: limits, limits },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}
