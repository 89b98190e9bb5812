import { Button } from '@mantine/core';

interface Props {
  /** What is switched. It is the same in both states. */
  label: string;
  isOn: boolean;
  onToggle: () => void;
}

/** Switches something on and off. A tick says that it is on. */
export function SwitchButton({ label, isOn, onToggle }: Props) {
  return (
    <Button size="xs" variant={isOn ? 'filled' : 'default'} aria-pressed={isOn} onClick={onToggle}>
      {isOn && <span aria-hidden="true">✓&nbsp;</span>}
      {label}
    </Button>
  );
}
