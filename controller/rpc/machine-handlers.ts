import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import { mostLabels } from "../selector/label.ts";
import { listMachines, type Machine } from "../store/machines.ts";
import { unary } from "./call.ts";
import { jobMessages } from "./job-messages.ts";
import { machineMessage } from "./machine-message.ts";
import type { ControllerParts } from "./parts.ts";
import { given, labelsOf } from "./request-values.ts";
import { isSelected, selectorOf, visibleMachine } from "./visible.ts";

type Handlers = Pick<
  ControllerServiceServer,
  "listMachines" | "acceptMachine" | "changeMachine" | "revokeMachine" | "forgetMachine"
>;

export function machineHandlers(parts: ControllerParts): Handlers {
  const { machines, operators, store } = parts;
  const answer = (machine: Machine) => ({ machine: machineMessage(machine, []) });
  return {
    listMachines: unary(parts, async ({ selector: text, jobs }, peer) => {
      const operator = await operators.authorize(peer, "listMachines");
      const selector = selectorOf(text);
      const all = await listMachines(store.database);
      const listed = all.filter((machine) => operator.sees(machine) && isSelected(selector, machine));
      const states = jobs ? await jobMessages(parts, listed) : undefined;
      return { machines: listed.map((machine) => machineMessage(machine, states?.get(machine.id) ?? [])) };
    }),

    acceptMachine: unary(parts, async ({ machine, name }, peer) => {
      const target = name === "" ? machine : `${machine} as ${name}`;
      const operator = await operators.authorize(peer, "acceptMachine", target);
      const { id } = await visibleMachine(parts, operator, "acceptMachine", machine);
      return answer(await machines.accept(id, name));
    }),

    changeMachine: unary(parts, async ({ machine, name, set, remove }, peer) => {
      const what = [
        ...(name === "" ? [] : [`name ${name}`]),
        ...set.slice(0, mostLabels).map((label) => `${label.name}=${label.value}`),
        ...remove.slice(0, mostLabels).map((label) => `${label}-`),
      ];
      const operator = await operators.authorize(peer, "changeMachine", [machine, ...what].join(" "));
      const { id } = await visibleMachine(parts, operator, "changeMachine", machine);
      return answer(await machines.change(id, { name: given(name), set: labelsOf(set), remove }));
    }),

    revokeMachine: unary(parts, async ({ machine }, peer) => {
      const operator = await operators.authorize(peer, "revokeMachine", machine);
      const { id } = await visibleMachine(parts, operator, "revokeMachine", machine);
      return answer(await machines.revoke(id, operator.name));
    }),

    forgetMachine: unary(parts, async ({ machine }, peer) => {
      const operator = await operators.authorize(peer, "forgetMachine", machine);
      const { id } = await visibleMachine(parts, operator, "forgetMachine", machine);
      await machines.forget(id);
      return {};
    }),
  };
}
