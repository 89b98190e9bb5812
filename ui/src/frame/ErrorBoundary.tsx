import { Component, type ReactNode } from 'react';
import { ErrorBox } from './ErrorBox';

interface State {
  error: Error | null;
}

/** Says why a screen can't be shown, such as a script that can't be loaded, instead of an empty page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error ? <ErrorBox error={error} onRetry={() => location.reload()} /> : this.props.children;
  }
}
